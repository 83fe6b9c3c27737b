/* role_undefined.c - reaches for a symbol that nothing provides. */
#include "tests/demo/demo.h"

int squall_has_no_such_function(void);
static int start(void *self, struct sq_err *err)
{
	(void)self, (void)err;
	return squall_has_no_such_function();
}
SQ_PLUGIN(role, SQ_ROLE, undefined, DEMO_LIFE, .start = start, .vt.role = &demo_role);
