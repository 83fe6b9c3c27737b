/* test_failpoint.c - how SQUALL_FAILPOINT is read, and what strikes when. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/failpoint.h"
#include "tests/dies.h"
#include "tests/tap.h"

#ifdef SQ_FAILPOINTS

static void no_action(void)
{
	setenv("SQUALL_FAILPOINT", "before:x", 1);
	failpoint("before", "y");
}

static void no_time(void)
{
	setenv("SQUALL_FAILPOINT", "before:x=fail,x=fail", 1);
	failpoint("before", "y");
}

static void strange_action(void)
{
	setenv("SQUALL_FAILPOINT", "before:x=explode", 1);
	failpoint("before", "y");
}

int main(void)
{
	dies(no_action, "before:x", "no action");
	dies(no_time, "x=fail", "neither before nor after");
	dies(strange_action, "explode", "an action that is none");
	setenv("SQUALL_FAILPOINT", "before:a#3=fail,after:a=fail,before:b.c=delay:1", 1);
	ok(failpoint("before", "a") == 0 && failpoint("before", "a") == 0, "not the first, not the second");
	ok(failpoint("before", "a") == -EIO, "the third time");
	ok(failpoint("before", "a") == 0, "once");
	ok(failpoint("after", "a") == -EIO, "after is another point than before");
	ok(failpoint_of("before", "b", "c") == 0, "a delay is no failure");
	ok(failpoint("before", "unknown") == 0, "any other place");
	return tap_done();
}

#else

int main(void)
{
	ok(failpoint("before", "a") == 0 && failpoint_of("before", "a", "b") == 0, "nothing ever strikes");
	return tap_done();
}

#endif
