/* role_tiny.c - a stranger whose variable has the name of our symbol. */
extern int sq_plugin;
__attribute__((visibility("default"))) int sq_plugin = 0x4c415153;
