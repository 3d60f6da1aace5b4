/* Loaded before a server's libraries, this library replaces the wall clock that the server sees: the
 * machine's, plus the number of nanoseconds in the file that SERVER_CLOCK names. The monotonic clock
 * stays the machine's. The library allocates nothing and calls no other library, because it is called
 * before those are initialised. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none;
static volatile int64_t *ahead = &none;

__attribute__((constructor)) static void open_clock(void) {
	const char *name = getenv("SERVER_CLOCK");
	int file = name ? open(name, O_RDONLY) : -1;
	if (file < 0) _exit(97);
	void *mapped = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED) _exit(98);
	ahead = mapped;
	close(file);
}

int clock_gettime(clockid_t id, struct timespec *now) {
	int failed = syscall(SYS_clock_gettime, id, now);
	if (failed || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return failed;
	int64_t nanoseconds = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + *ahead;
	now->tv_sec = nanoseconds / INT64_C(1000000000);
	now->tv_nsec = nanoseconds % INT64_C(1000000000);
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	struct timespec precise;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *result) {
	struct timespec precise;
	if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
	if (result) *result = precise.tv_sec;
	return precise.tv_sec;
}
