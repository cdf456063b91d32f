# SPDX-License-Identifier: BSD-2-Clause
"""The .lab file parser: what it takes, what it hands on, what it says of mistakes."""

import collections
import glob
import os

import pytest
from conftest import ROOT
from labkit import impair, labfile, words
from labkit.errors import ToolError

PAIR = """\
caisson 1
machine alpha cores 4 memory 2G
node alpha mac 52:54:00:00:00:01
  link add beta udp remote 10.0.0.2 port 9000   # a comment
  vm add g1 memory 256M kernel vmlinuz initrd initrd.img cmdline "console=ttyS0 a=b"
  vm start g1
machine p1 plain yes kernel k cmdline "a \\"b\\" c" mac 52:54:00:00:00:09
node beta
wire w alpha beta snap 160
module vmlinuz some/file
"""


def parse(text):
    return labfile.parse(text, "x.lab")


def test_words_know_their_columns():
    found = words.split('  vm add "two words" a"b c"d  # comment')
    assert found == ["vm", "add", "two words", "ab cd"]
    assert [word.column for word in found] == [3, 6, 10, 22]


def test_hash_inside_a_word_is_no_comment():
    assert words.split("a#b c") == ["a#b", "c"]


def test_machines_wires_and_sections():
    lab = parse(PAIR)
    assert list(lab.machines) == ["alpha", "p1", "beta"]
    assert (lab.machines["alpha"].cores, lab.machines["alpha"].memory) == (4, 2048)
    assert lab.machines["p1"].plain and lab.machines["p1"].cmdline == 'a "b" c'
    assert lab.machines["beta"] == labfile.Machine("beta")
    assert lab.wires["w"] == labfile.Wire("w", ("alpha", "beta"), 160)
    assert lab.nodes["alpha"].guests == ["g1"]
    assert lab.nodes["alpha"].modules == ["vmlinuz", "initrd.img"]
    assert lab.files == {"vmlinuz": "some/file"}


def test_nodes_get_the_other_lines_unchanged_and_in_place():
    lab = parse(PAIR)
    given, kept = PAIR.splitlines(), lab.conf.splitlines()
    assert len(given) == len(kept)
    for before, after in zip(given, kept):
        lab_line = before.split()[0] in labfile.LAB_OBJECTS
        assert after == ("" if lab_line else before)


def test_macs_are_the_files_or_made_from_the_name():
    lab = parse(PAIR)
    assert lab.mac_of(lab.machines["alpha"]) == "52:54:00:00:00:01"
    assert lab.mac_of(lab.machines["p1"]) == "52:54:00:00:00:09"
    made = lab.mac_of(lab.machines["beta"])
    assert made.startswith("52:54:00:") and made == parse(PAIR).mac_of(lab.machines["beta"])
    assert lab.mac_of(lab.machines["alpha"], 1) not in ("52:54:00:00:00:01", made)


def test_each_nic_has_its_model():
    machine = parse("machine a nic e1000,virtio-net").machines["a"]
    assert [machine.nic_model(n) for n in range(3)] == ["e1000", "virtio-net", "virtio-net"]
    assert parse("machine a").machines["a"].nic_model(1) == "e1000"


def test_a_lan_and_a_machine_on_this_host():
    lab = parse('machine a\nmachine h backend host setup "true"\nwire lan a b h snap 99\n'
                "wire w a b\nnode b\nnode h\n uplink add 0 address 10.0.0.9/24\n")
    assert lab.wires["lan"] == labfile.Wire("lan", ("a", "b", "h"), 99)
    assert lab.is_switched(lab.wires["lan"]) and not lab.is_switched(lab.wires["w"])
    assert lab.machines["h"].on_host and lab.machines["h"].setup == "true"
    assert lab.nodes["h"].address == "10.0.0.9/24"
    assert [m.name for m in lab.islands()[0]] == ["a", "b", "h"]


def test_a_bad_wire():
    lab = parse("machine a\nmachine b\nwire w a b loss 1% seed 9 reorder 0.5% duplicate 100%\n")
    wire = lab.wires["w"]
    assert (wire.loss, wire.reorder, wire.duplicate, wire.seed) == (0.01, 0.005, 1.0, 9)
    assert wire.impaired and lab.is_switched(wire)


def faults(rates, seed, count=20000):
    counts = collections.Counter()
    line = impair.Line(rates, seed, counts)
    out = [frame for number in range(count) for frame in line.take(number, 0.0)]
    return counts, out, line


def test_faults_are_as_frequent_as_said_and_the_same_each_time():
    rates = {"loss": 0.1, "reorder": 0.02, "duplicate": 0.05}
    counts, out, line = faults(rates, 7)
    assert (counts, out) == faults(rates, 7)[:2] and out != faults(rates, 8)[1]
    for key, rate in rates.items():
        assert 0.8 * rate < counts[impair.NAMES[key]] / counts["frames"] < 1.2 * rate
    late = line.overdue(impair.HOLD_S)
    assert not line.held
    seen = collections.Counter(out + late)
    # Each frame came once, twice or never, as often as was counted.
    assert 20000 - len(seen) == counts[impair.NAMES["loss"]]
    # A frame that is lost may have been meant to come twice.
    assert sum(seen.values()) - len(seen) <= counts[impair.NAMES["duplicate"]]
    overtaken = [at for at in range(1, len(out)) if out[at] < out[at - 1]]
    assert 0 < len(overtaken) <= counts[impair.NAMES["reorder"]]
    for at in overtaken:
        assert max(out[:at]) - out[at] <= 3 * impair.BEHIND_FRAMES


def test_a_frame_that_nothing_overtakes_goes_in_time():
    line = impair.Line({"reorder": 1.0}, 1, collections.Counter())
    assert line.take("a", 5.0) == [] and line.overdue(5.0) == []
    assert line.overdue(5.0 + impair.HOLD_S) == ["a"] and not line.held


def test_islands_are_what_wires_join():
    lab = parse("machine a\nmachine b\nmachine c\nmachine d\nmachine e\n"
                "wire 1 a c\nwire 2 b d\nwire 3 c d\n")
    assert [[m.name for m in group] for group in lab.islands()] == [["a", "c", "b", "d"], ["e"]]


def test_the_backend_says_whose_machine_it_is():
    lab = parse("machine a backend vmx\nmachine b backend bochs-svm model trinity_apu\n"
                "machine c backend none\nmachine d plain yes kernel k backend vmx\n")
    assert [m.name for m in lab.machines.values() if m.in_bochs] == ["a", "b", "d"]
    assert lab.machines["b"].model == "trinity_apu"


@pytest.mark.parametrize("text, message", [
    ("machine a cors 2", '1:11: unknown word "cors" (did you mean "cores"?); expected: backend'),
    ("machine a cores two", "1:17: cores: expected a number from 1 to 64"),
    ("machine a cores 0", "1:17: cores: expected"),
    ("machine a cores", '1:11: "cores" lacks its value'),
    ("machine a cores 1 cores 2", '1:19: "cores" is given twice'),
    ("machine a memory 2T", '1:18: memory: "2T" is no size'),
    ("machine a nic e1000,none", '1:15: unknown nic "none"'),
    ("machine a nic e1000e,e1001", '1:15: unknown nic "e1001" (did you mean "e1000'),
    ("machine a nic e1001", '1:15: unknown nic "e1001" (did you mean "e1000'),
    ("machine a kernel x", '1:11: "kernel" is for a machine with "plain yes"'),
    ("machine a plain yes", '1:9: the plain machine "a" has no kernel'),
    ("machine a mac 1:2", '1:15: "1:2" is no MAC address'),
    ("machine a\nmachine a", '2:9: machine "a" is there already'),
    ("machine", "1:1: machine: a name is missing"),
    ("machine a/b", '1:9: "a/b" is no name'),
    ('machine a backend "svm', "1:19: a quote"),
    ("machine alpha\nwire w alpha alhpa", '2:14: the wire "w" ends at an unknown machine "alhpa"'
     ' (did you mean "alpha"?)'),
    ("machine a\nwire w a a", '2:10: both ends of the wire "w"'),
    ("machine a\nmachine b\nwire w a b snip 3", '3:12: unknown word "snip" (did you mean "snap"?)'),
    ("machine a\nmachine b\nwire w a b los 1%", '3:12: unknown word "los" (did you mean "loss"?)'),
    ("machine a\nmachine b\nwire w a b loss 1", "3:17: loss: expected a part of the frames"),
    ("machine a\nmachine b\nwire w a b loss 101%", "3:17: loss: expected a part"),
    ("machine a\nmachine b\nwire w a b loss 1% loss 2%", '3:20: "loss" is given twice'),
    ("machine a\nmachine b\nwire w a b loss", "3:12: expected: wire NAME END END ... [snap"),
    ("machine a\nmachine b\nwire w a b seed -1", "3:17: seed: expected a number from 0"),
    ("machine a\nmachine b\nwire w a b snap 3", "3:17: snap: expected bytes"),
    ("machine a\nmachine b\nwire w a b c", '3:12: the wire "w" ends at an unknown machine "c"'),
    ("machine a\nmachine b\nwire w a b a", '3:12: both ends of the wire "w"'),
    ("machine a backend host cores 2", '1:24: "cores" is for an emulated machine'),
    ('machine a setup "true"', '1:11: "setup" is for a machine with "backend host"'),
    ("machine a backend host\nnode a\n  vm start g1", '"a" is no hypervisor'),
    ("machin a", '1:1: unknown word "machin" (did you mean "machine"?)'),
    ("caisson 1", "no machine and no node in it"),
    ("machine a nic none\nmachine b\nwire w a b", 'a wire ends at "a"'),
    ("machine a firmware bios", '1:11: "firmware" is for a machine of Bochs: one with "backend vmx '
     'or '),
    ("machine a backend vmx nic e1000e", '1:23: a machine of Bochs has no nic "e1000e"; '
     "expected: e1000, none"),
    ("machine a backend vmx boot kernel", '1:23: a machine of Bochs has no boot "kernel"'),
    ("machine a backend vmx sockets 2", '1:23: a machine of Bochs has no sockets "2"; expected: 1'),
    ("machine a cores 4 sockets 3", "1:19: 4 cores are not in 3 sockets of cores of 1 threads"),
    ("machine a cores 9 backend vmx", "1:11: a machine of Bochs has at most 8 cores"),
    ("machine a backend vmx\nmachine b\nwire v a b\nwire w a b", '"a" is a machine of Bochs: '
     "only one wire"),
])
def test_mistakes_are_named_with_their_place(text, message):
    with pytest.raises(ToolError) as error:
        parse(text)
    assert error.value.status == 2
    assert str(error.value).startswith("x.lab:")
    assert message in str(error.value)


def test_mistakes_in_the_nodes_language_are_the_nodes_to_report():
    assert parse('node a\n  vm add "g1 memory lots\n  linc add b').conf.count("\n") == 3


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(ROOT, "examples/*.lab"))))
def test_examples_parse(path):
    assert labfile.read(path).machines
