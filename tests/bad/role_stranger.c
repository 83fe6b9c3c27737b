/* role_stranger.c - some shared object, none of ours. */
int stranger_api(void);
__attribute__((visibility("default"))) int stranger_api(void)
{
	return 1;
}
