# SPDX-License-Identifier: BSD-2-Clause
"""Sets of programs for images of their own (tools/mkguest --set NAME, --hpc).

A set names its packages, and what of them goes into the image: programs (dynamically
linked: their libraries follow, and so do those of `plugins`, which programs open by name),
files and links as they are, and scripts and programs of ours from tools/guest/."""

import dataclasses

LIBRARIES = "lib/x86_64-linux-gnu"
OPENMPI = f"usr/{LIBRARIES}/openmpi/lib/openmpi3"
PMIX = f"usr/{LIBRARIES}/pmix2/lib"


@dataclasses.dataclass
class Set:
    """`flavour` is that of its kernel, `image` the name of its initramfs, `root` that of the
    same as a squashfs image ("": there is none)."""

    flavour: str = ""
    image: str = ""
    root: str = ""
    packages: list = dataclasses.field(default_factory=list)
    programs: dict = dataclasses.field(default_factory=dict)
    plugins: list = dataclasses.field(default_factory=list)    # paths, the same in the image
    files: list = dataclasses.field(default_factory=list)      # patterns, the same in the image
    links: dict = dataclasses.field(default_factory=dict)      # path in the image: target
    scripts: dict = dataclasses.field(default_factory=dict)    # name in tools/guest: path
    compiled: dict = dataclasses.field(default_factory=dict)   # the same, of a program in C ...
    includes: str = ""                                         # ... with these headers ...
    link_with: str = ""                                        # ... and this library
    library_paths: list = dataclasses.field(default_factory=list)
    ssh: bool = False                                          # keys for dropbear
    modules: list = dataclasses.field(default_factory=list)    # of the kernel, beside the usual
    root_modules: list = dataclasses.field(default_factory=list)    # only in `root`
    images: dict = dataclasses.field(default_factory=dict)     # file in build/guest: path
    built: dict = dataclasses.field(default_factory=dict)      # file below build/: path


STRESS = Set(
    flavour="cloud", image="initrd-cloud-stress.img",
    programs={"usr/bin/stress-ng": "usr/bin/stress-ng",
              "usr/bin/cyclictest": "usr/bin/cyclictest"},
    packages=["stress-ng", "rt-tests", "libapparmor1", "libbsd0", "libcrypt1", "libdrm2",
              "libegl1", "libexpat1", "libffi8", "libgbm1", "libgles2", "libglvnd0",
              "libipsec-mb1", "libjpeg62-turbo", "libjudydebian1", "libkmod2", "liblzma5",
              "libmd0", "libnuma1", "libsctp1", "libssl3", "libwayland-server0",
              "libxxhash0", "libzstd1", "zlib1g"])

# Of Open MPI's plugins those that an Ethernet of TCP needs: none for InfiniBand, batch
# systems or files, each of which would bring libraries of its own. HPCC exists for Open MPI
# alone. Packages that are only recommended are not missed.
OPENMPI_PLUGINS = (
    "allocator_basic allocator_bucket bml_r2 btl_self btl_tcp btl_vader coll_basic coll_inter "
    "coll_libnbc coll_self coll_sm coll_tuned errmgr_default_app errmgr_default_hnp "
    "errmgr_default_orted ess_env ess_hnp ess_pmi filem_raw grpcomm_direct iof_hnp iof_orted "
    "odls_default oob_tcp osc_rdma osc_sm patcher_overwrite plm_rsh pmix_ext3x pml_ob1 "
    "rcache_grdma reachable_weighted regx_fwd regx_naive rmaps_ppr rmaps_round_robin rml_oob "
    "routed_direct routed_radix schizo_ompi schizo_orte shmem_mmap shmem_posix state_app "
    "state_hnp state_orted topo_basic").split()

HPC = Set(
    flavour="amd64", image="initrd-hpc.img", root="root-hpc.squashfs",
    root_modules=["nfsv4"],
    packages=["netpipe-openmpi", "hpcc", "openmpi-bin", "openmpi-common", "libopenmpi3",
              "libopenmpi-dev", "libpmix2", "dropbear-bin", "libblas3", "libcrypt1",
              "libevent-core-2.1-7", "libevent-pthreads-2.1-7", "libgcc-s1", "libgfortran5",
              "libgmp10", "libhwloc15", "libmunge2", "libquadmath0", "libstdc++6",
              "libtomcrypt1", "libtommath1", "libudev1", "zlib1g"],
    programs={path: path for path in (
        "usr/bin/NPopenmpi", "usr/bin/hpcc", "usr/bin/orterun", "usr/bin/orted",
        "usr/bin/dbclient", "usr/sbin/dropbear")},
    plugins=[*(f"{OPENMPI}/mca_{name}.so" for name in OPENMPI_PLUGINS),
             *(f"{PMIX}/pmix/pmix_mca_{name}.so" for name in ("pcompress_zlib", "prm_default"))],
    files=["etc/openmpi/openmpi-mca-params.conf", "usr/share/openmpi/help-*.txt",
           f"{PMIX}/../share/pmix/help-*.txt"],
    links={"usr/bin/mpirun": "orterun", "usr/bin/ssh": "dbclient"},
    scripts={"mpi-run": "usr/bin/mpi-run"},
    compiled={"mpi-check.c": "usr/bin/mpi-check"},
    includes=f"usr/{LIBRARIES}/openmpi/include", link_with=f"usr/{LIBRARIES}/libmpi.so.40",
    library_paths=[f"usr/{LIBRARIES}/blas", PMIX],
    ssh=True)

# What `make bench` runs in guests and on plain machines alike.
BENCH = dataclasses.replace(
    HPC, image="initrd-bench.img", packages=[*HPC.packages, "sockperf"],
    programs={**HPC.programs, "usr/bin/sockperf": "usr/bin/sockperf"})

# A machine with KVM, whose guest has the kernel and the image above.
KVM = Set(
    flavour="amd64", image="initrd-kvm.img",
    packages=["qemu-system-x86", "qemu-system-data", "seabios", "iproute2", "libaio1",
              "libblkid1", "libbpf1", "libbsd0", "libcapstone4", "libdaxctl1", "libelf1",
              "libfdt1", "libffi8", "libfuse3-3", "libgcc-s1", "libglib2.0-0", "libgmp10",
              "libgnutls30", "libhogweed6", "libibverbs1", "libjpeg62-turbo", "libkmod2",
              "liblzma5", "libmd0", "libmnl0", "libmount1", "libndctl6", "libnettle8",
              "libnl-3-200", "libnl-route-3-200", "libnuma1", "libp11-kit0", "libpcre2-8-0",
              "libpixman-1-0", "libpmem1", "libpng16-16", "librdmacm1", "libsasl2-2",
              "libseccomp2", "libselinux1", "libslirp0", "libssl3", "libtasn1-6", "libudev1",
              "liburing2", "libuuid1", "libvdeplug2", "libzstd1", "zlib1g"],
    programs={"usr/bin/qemu-system-x86_64": "usr/bin/qemu-system-x86_64",
              "bin/ip": "usr/bin/ip"},
    files=["usr/share/seabios/bios-256k.bin", "usr/share/qemu/kvmvapic.bin",
           "usr/share/qemu/linuxboot_dma.bin"],
    scripts={"nested": "usr/bin/nested"},
    modules=["bridge", "vxlan", "tun", "vhost_net", "kvm_amd"],
    images={"vmlinuz-amd64": "nested/vmlinuz", "initrd-bench.img": "nested/initrd.img"},
    built={"bench/plaintap": "usr/bin/plaintap"})

# No more than it takes to start a guest of KVM, for how long that takes.
KVM_BOOT = dataclasses.replace(
    KVM, image="initrd-kvm-boot.img", scripts={"kvm-boot": "usr/bin/kvm-boot"},
    modules=["kvm_amd"], built={},
    images={"vmlinuz-amd64": "nested/vmlinuz", "initrd-amd64.img": "nested/initrd.img"})

SETS = {"stress": STRESS, "hpc": HPC, "bench": BENCH, "kvm": KVM, "kvm-boot": KVM_BOOT}
