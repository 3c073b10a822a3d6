/*
 * How a program fails: tryexec PATH... prints for each `PATH error NAME` when exec refuses it, else `PATH exit N` or
 * `PATH signal N`. A shell would take what is no ELF file for a script. tests/vm/badinput_test.py runs it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *words[] = { argv[i], NULL };
		int p[2], status, error = 0;
		pid_t pid;

		if (pipe2(p, O_CLOEXEC))
			return 1;
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			alarm(20);
			execv(argv[i], words);
			error = errno;
			_exit(write(p[1], &error, sizeof(error)) != sizeof(error));
		}
		close(p[1]);
		if (pid < 0 || read(p[0], &error, sizeof(error)) < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		close(p[0]);
		if (error)
			printf("%s error %d %s\n", argv[i], error, strerror(error));
		else
			printf("%s %s %d\n", argv[i], WIFSIGNALED(status) ? "signal" : "exit",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	return 0;
}
