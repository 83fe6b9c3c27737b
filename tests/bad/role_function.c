/* role_function.c - a stranger whose function has the name of our symbol. */
int sq_plugin(void);
__attribute__((visibility("default"))) int sq_plugin(void)
{
	return 1;
}
