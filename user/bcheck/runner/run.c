/*
 * Runs the checks, one after the other. All waiting is in one ppoll: for a
 * check's words, its end (SIGCHLD), a key, another window size, an interruption, or the
 * moment at which the check has taken too long. The signals are blocked everywhere
 * else, so that none comes between a look and the wait.
 */
#include "runner.h"
#include <poll.h>

static volatile sig_atomic_t resized, stopped;

static void on_signal(int sig)
{
	if (sig == SIGWINCH)
		resized = 1;
	else if (sig != SIGCHLD)	/* which has only to end the wait */
		stopped = sig;
}

/* Take the signals; the mask to wait with. */
static sigset_t signals_take(void)
{
	static const int taken[] = { SIGCHLD, SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set, before;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		sigaddset(&set, taken[i]);
		sigaction(taken[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, &before);
	/* One that was blocked before us, by who started us, is waited for all the same. */
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigdelset(&before, taken[i]);
	return before;
}

/* In the child: a group of its own, so that all of it can be ended, and no terminal to read. */
static _Noreturn void check_exec(const char *path, const char *name, int output, const sigset_t *mask)
{
	int null = open("/dev/null", O_RDONLY);
	char *argv[] = { (char *)name, NULL };

	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	for (int fd = 3; fd < 10; fd++)
		close(fd);
	execv(path, argv);
	out("%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* A check that runs. */
struct run {
	pid_t pid;
	int output;		/* -1: at its end */
	size_t used;
	uint64_t began, deadline;
	bool ended, late;
	int status;
};

/* Take what the check has said so far; what does not fit is dropped, for it must not wait for us. */
static void output_take(struct run *run, struct result *result)
{
	char rest[256];

	while (run->output >= 0) {
		size_t room = sizeof(result->output) - 1 - run->used;
		ssize_t n = read(run->output, room ? result->output + run->used : rest, room ? room : sizeof(rest));

		if (n > 0) {
			run->used += room ? (size_t)n : 0;
		} else {
			if (n == 0) {
				close(run->output);
				run->output = -1;
			}
			break;
		}
	}
	result->output[run->used] = '\0';
}

/* Sleep until something happens to the check or the terminal. */
static void event_wait(const struct view *view, struct run *run, const sigset_t *mask)
{
	uint64_t now = now_ns(), left = run->deadline > now ? run->deadline - now : 0;
	struct timespec timeout = { left / 1000000000, left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = run->output, .events = POLLIN },
		{ .fd = view->input_fd ? view->input_fd() : -1, .events = POLLIN },
	};

	if (ppoll(fds, 2, &timeout, mask) > 0 && fds[1].revents && !view->input())
		stopped = SIGINT;
	if (resized) {
		resized = 0;
		if (view->redraw)
			view->redraw();
	}
}

/* The last line of what a check said leaves its words and becomes the reason. */
static void reason_take(struct result *result)
{
	size_t length = strlen(result->output);
	char *line;

	while (length && result->output[length - 1] == '\n')
		result->output[--length] = '\0';
	line = strrchr(result->output, '\n');
	line = line ? line + 1 : result->output;
	text_format(result->why, sizeof(result->why), "%.*s", (int)sizeof(result->why) - 1,
		    *line ? line : "no reason given");
	*line = '\0';
}

static void outcome_find(const struct run *run, unsigned int limit, struct result *result)
{
	result->outcome = FAILED;
	if (run->late)
		text_format(result->why, sizeof(result->why), "no end within %u s", limit);
	else if (WIFSIGNALED(run->status))
		text_format(result->why, sizeof(result->why), "ended by signal %d (%s)", WTERMSIG(run->status),
			 strsignal(WTERMSIG(run->status)));
	else if (WEXITSTATUS(run->status) == CHECK_SKIPPED)
		result->outcome = SKIPPED, reason_take(result);
	else if (WEXITSTATUS(run->status) == 0)
		result->outcome = PASSED;
	else if (WEXITSTATUS(run->status) == CHECK_FAILED)
		reason_take(result);
	else
		text_format(result->why, sizeof(result->why), "exit status %d", WEXITSTATUS(run->status));
}

/* Run one check to its end; false if there is no process for it. */
static bool check_run(const struct check *check, const char *folder, unsigned int limit, const struct view *view,
		      const sigset_t *mask, struct result *result)
{
	struct run run = { .began = now_ns() };
	char path[512];
	int pipe[2];

	memset(result, 0, sizeof(*result));
	text_format(path, sizeof(path), "%s/%s", folder, check->name);
	run.deadline = run.began + limit * 1000000000ull;
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return false;
	run.pid = fork();
	if (run.pid == 0)
		check_exec(path, check->name, pipe[1], mask);
	close(pipe[1]);
	run.output = pipe[0];
	fcntl(run.output, F_SETFL, O_NONBLOCK);
	if (run.pid > 0)
		setpgid(run.pid, run.pid);	/* whichever of the two comes first */
	while (run.pid > 0 && !run.ended) {
		event_wait(view, &run, mask);
		output_take(&run, result);
		run.late = !stopped && now_ns() >= run.deadline;
		if (stopped || run.late)
			kill(-run.pid, SIGKILL);
		run.ended = waitpid(run.pid, &run.status, stopped || run.late ? 0 : WNOHANG) != 0;
	}
	result->ns = now_ns() - run.began;
	if (run.pid > 0) {
		kill(-run.pid, SIGKILL);	/* what it left behind */
		output_take(&run, result);
		scratch_remove(run.pid);
		outcome_find(&run, limit, result);
	}
	if (run.output >= 0)
		close(run.output);
	return run.pid > 0;
}

int checks_run(const struct view *view, const char *folder, unsigned int limit)
{
	static struct result result;
	struct totals totals = { 0 };
	const char *heading = NULL;
	sigset_t mask = signals_take();
	uint64_t began = now_ns();

	for (int i = 0; i < check_count; i++)
		totals.chosen += check_list[i].chosen;
	view->begin(&totals);
	for (int i = 0; i < check_count && !stopped; i++) {
		const struct check *check = &check_list[i];

		if (check->heading)
			heading = check->heading;
		if (!check->chosen)
			continue;
		view->started(check, heading, &totals);
		heading = NULL;
		if (!check_run(check, folder, limit, view, &mask, &result)) {
			result.outcome = FAILED;
			text_format(result.why, sizeof(result.why), "no process: %s", strerror(errno));
		}
		if (stopped)
			break;
		totals.done++;
		totals.count[result.outcome]++;
		totals.ns = now_ns() - began;
		view->ended(check, &result, &totals);
	}
	view->end(&totals, stopped);
	return stopped ? 128 + stopped : totals.count[FAILED] != 0;
}
