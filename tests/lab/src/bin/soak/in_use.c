/* Preloaded into the branch's Asterisk: writes ten times a second what is in use of malloc's memory into the file that
 * IN_USE names. What the kernel says of memory has malloc's holes in it, which come and go by megabytes. */

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int file;

static void *look(void *unused)
{
	const struct timespec pause = { 0, 100000000 };
	char text[16];

	for (;;) {
		/* mallinfo2 is too new for Asterisk 16's glibc. Of one heap, and less than 2 GiB, this one tells all. */
		struct mallinfo now = mallinfo();
		int length = snprintf(text, sizeof(text), "%11u\n", (unsigned) now.uordblks + (unsigned) now.hblkhd);

		if (pwrite(file, text, length, 0) != length) {
			return unused;
		}
		nanosleep(&pause, NULL);
	}
}

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("IN_USE");
	pthread_t thread;

	/* What Asterisk starts is not looked at. */
	unsetenv("LD_PRELOAD");
	if (name && (file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) >= 0) {
		pthread_create(&thread, NULL, look, NULL);
	}
	unsetenv("IN_USE");
}
