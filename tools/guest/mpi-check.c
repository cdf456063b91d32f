/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each rank sends each one messages of growing sizes (MPI_Alltoall), and looks at every
 * byte that it gets: `mpi-run check`. The argument is the longest message's size.
 * Exit status: 0 all was right, 1 something was not.
 */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>

#define GROWTH 4

static unsigned char expected(int from, int to, int size, int i)
{
	return (unsigned char)(from * 31 + to * 7 + size + i + (i >> 8));
}

/* Messages of this size from everybody to everybody: how many bytes were wrong. */
static long exchange(int rank, int ranks, int size, unsigned char *out, unsigned char *in)
{
	long wrong = 0;

	for (int to = 0; to < ranks; to++)
		for (int i = 0; i < size; i++)
			out[(long)to * size + i] = expected(rank, to, size, i);
	MPI_Alltoall(out, size, MPI_BYTE, in, size, MPI_BYTE, MPI_COMM_WORLD);
	for (int from = 0; from < ranks; from++)
		for (int i = 0; i < size; i++)
			wrong += in[(long)from * size + i] != expected(from, rank, size, i);
	return wrong;
}

int main(int argc, char **argv)
{
	long wrong = 0, all = 0;
	int rank, ranks, most, sizes = 0;
	unsigned char *out, *in;
	double begin;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	most = argc > 1 ? atoi(argv[1]) : 0;
	out = most > 0 ? malloc((size_t)ranks * (size_t)most) : NULL;
	in = out ? malloc((size_t)ranks * (size_t)most) : NULL;
	if (!in) {
		fprintf(stderr, "mpi-check: no memory for messages of %d bytes\n", most);
		MPI_Abort(MPI_COMM_WORLD, 1);
		return 1;
	}
	begin = MPI_Wtime();
	for (long size = 1; size <= most; size *= GROWTH, sizes++)
		wrong += exchange(rank, ranks, (int)size, out, in);
	MPI_Allreduce(&wrong, &all, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
	if (!rank)
		printf("check ranks=%d sizes=%d wrong_bytes=%ld seconds=%.3f\n", ranks, sizes, all,
		       MPI_Wtime() - begin);
	MPI_Finalize();
	free(out);
	free(in);
	return all != 0;
}
