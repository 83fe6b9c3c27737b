/* role_longer.c - right, with a descriptor longer than the host's. */
#define SQ_STATIC
#include "tests/demo/demo.h"

extern const struct longer {
	struct sq_plugin plugin;
	long more[4];
} sq_plugin;
__attribute__((visibility("default"))) const struct longer sq_plugin = {
	.plugin = {.magic = SQ_PLUGIN_MAGIC, .abi_major = SQ_ABI_MAJOR, .abi_minor = SQ_ABI_MINOR,
	           .size = sizeof(struct longer), .kind = SQ_ROLE, .name = "longer", DEMO_LIFE, .vt.role = &demo_role},
};
