/* loader.c - from a path to a descriptor that can be believed. */
#include "loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "loader_check.h"

#define PATH_SIZE 4096

/* The host's own copies: what an older plugin lacks is zero in them. Kept until exit, since
 * whoever got one may look at it as long as the plugin is mapped, which is as long. */
struct loaded {
	struct loaded *next;
	const void *symbol;
	struct sq_plugin desc;
	union {
		struct sq_store store;
		struct sq_transport transport;
		struct sq_scheduler scheduler;
		struct sq_role role;
	} vt;
};
static struct loaded *all_loaded;

static const struct {
	const char *word;
	size_t vt_size;
} kinds[] = {
    [SQ_STORE] = {"store", sizeof(struct sq_store)},
    [SQ_TRANSPORT] = {"transport", sizeof(struct sq_transport)},
    [SQ_SCHEDULER] = {"scheduler", sizeof(struct sq_scheduler)},
    [SQ_ROLE] = {"role", sizeof(struct sq_role)},
};

const char *loader_kind_word(enum sq_kind kind)
{
	return (unsigned)kind < SQ_LEN(kinds) && kinds[kind].word ? kinds[kind].word : "unknown";
}

/* Names become parts of paths: nothing that leads out of the folder. */
static bool name_ok(const char *name, size_t len)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	return len > 0 && len <= 64 && strspn(name, good) >= len;
}

/* Calls each(arg, folder) for the folders of dirs until it returns other than 0. */
static int each_dir(const char *dirs, int (*each)(void *arg, const char *dir), void *arg)
{
	char dir[PATH_SIZE];
	size_t len;
	int r = 0;

	for (; *dirs && r == 0; dirs += len + (dirs[len] == ':')) {
		len = strcspn(dirs, ":");
		if (len == 0 || len >= sizeof dir)
			continue;
		memcpy(dir, dirs, len);
		dir[len] = '\0';
		r = each(arg, dir);
	}
	return r;
}

struct finding {
	const char *kind, *name;
	char path[PATH_SIZE];
};

static int find_in(void *arg, const char *dir)
{
	struct finding *f = arg;
	struct stat st;
	int n = snprintf(f->path, sizeof f->path, "%s/%s_%s.so", dir, f->kind, f->name);

	return n > 0 && (size_t)n < sizeof f->path && stat(f->path, &st) == 0;
}

/* The symbol table says how large the object behind the symbol is: whatever a stranger exports
 * under our name, no byte beyond it is read. */
static int find_symbol(const char *path, const void **ret, size_t *size, struct sq_err *err)
{
	const ElfW(Sym) *sym = NULL;
	Dl_info info;
	void *so, *at;
	int r = loader_check_file(path, err);

	if (r < 0)
		return r;
	/* NODELETE: code and descriptor stay valid until exit, whatever the plugin's threads, timers
	 * or exit handlers still do; and leak reports keep their names. */
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!so)
		return sq_fail(err, -ENOEXEC, "%s", dlerror());
	at = dlsym(so, "sq_plugin");
	dlclose(so); /* the handle alone */
	if (!at || !dladdr1(at, &info, (void **)(void *)&sym, RTLD_DL_SYMENT) || !sym)
		return sq_fail(err, -ENOEXEC, "%s is not a plugin of squall (no symbol sq_plugin)", path);
	if (ELF64_ST_TYPE(sym->st_info) != STT_OBJECT || sym->st_size < SQ_PLUGIN_SIZE_1_0)
		return sq_fail(err, -ENOEXEC, "%s is not a plugin of squall (its sq_plugin is no descriptor)",
		               path);
	*ret = at;
	*size = sym->st_size;
	return 0;
}

/* The frozen head, before anything else is believed. */
static int check_head(const char *path, const struct sq_plugin *p, size_t room, enum sq_kind kind,
                      struct sq_err *err)
{
	if (p->magic != SQ_PLUGIN_MAGIC)
		return sq_fail(err, -ENOEXEC, "%s is not a plugin of squall (wrong magic number)", path);
	if (p->abi_major != SQ_ABI_MAJOR || p->abi_minor > SQ_ABI_MINOR)
		return sq_fail(err, -EPROTO,
		               "%s was built for plugin ABI %u.%u and this host speaks %d.%d: %s", path,
		               p->abi_major, p->abi_minor, SQ_ABI_MAJOR, SQ_ABI_MINOR,
		               p->abi_major < SQ_ABI_MAJOR ? "rebuild the plugin"
		                                           : "update squalld or rebuild the plugin");
	if (p->size < SQ_PLUGIN_SIZE_1_0 || p->size > room)
		return sq_fail(err, -EPROTO,
		               "%s has a descriptor of %u bytes, at least %zu are needed: rebuild it", path,
		               p->size > room ? (unsigned)room : p->size, SQ_PLUGIN_SIZE_1_0);
	if (p->kind != (uint32_t)kind)
		return sq_fail(err, -EPROTO, "%s is of kind %s, not %s", path, loader_kind_word(p->kind),
		               loader_kind_word(kind));
	return 0;
}

static int copy_vtable(struct loaded *l, enum sq_kind kind, struct sq_err *err)
{
	const void *theirs = l->desc.vt.store;
	uint32_t size;

	if (!theirs)
		return sq_fail(err, -EPROTO, "vt.%s is missing", loader_kind_word(kind));
	memcpy(&size, theirs, sizeof size);
	if (size < 2 * sizeof size || size > 65536)
		return sq_fail(err, -EPROTO, "vt.%s->size is %u", loader_kind_word(kind), size);
	memcpy(&l->vt, theirs, size < kinds[kind].vt_size ? size : kinds[kind].vt_size);
	l->desc.vt.store = &l->vt.store;
	return 0;
}

static int believe(struct loaded *l, const char *path, enum sq_kind kind, const char *name,
                   struct sq_err *err)
{
	const struct sq_plugin *p = l->symbol;
	struct sq_err why = {0};
	int r;

	memcpy(&l->desc, p, p->size < sizeof l->desc ? p->size : sizeof l->desc);
	if (!l->desc.name || strcmp(l->desc.name, name) != 0)
		return sq_fail(err, -EPROTO, "%s calls itself \"%.64s\": file and plugin have to agree", path,
		               l->desc.name ? l->desc.name : "");
	r = copy_vtable(l, kind, &why);
	if (r == 0)
		r = loader_check(&l->desc, &why);
	if (r < 0)
		return sq_fail(err, r, "%s is unusable: %s", path, why.text);
	return 0;
}

int loader_open(const char *dirs, enum sq_kind kind, const char *name, const struct sq_plugin **ret,
                struct sq_err *err)
{
	struct finding f = {.kind = loader_kind_word(kind), .name = name};
	const void *symbol = NULL;
	struct loaded *l;
	size_t room = 0;
	int r;

	if (!name_ok(name, strlen(name)) || each_dir(dirs, find_in, &f) == 0)
		return sq_fail(err, -ENOENT, "no %s plugin \"%s\" in %s", f.kind, name, dirs);
	r = find_symbol(f.path, &symbol, &room, err);
	if (r == 0)
		r = check_head(f.path, symbol, room, kind, err);
	if (r < 0)
		return r;
	for (l = all_loaded; l && l->symbol != symbol;)
		l = l->next;
	if (!l) {
		l = calloc(1, sizeof *l);
		if (!l)
			return sq_fail(err, -ENOMEM, "out of memory");
		l->symbol = symbol;
		r = believe(l, f.path, kind, name, err);
		if (r < 0) {
			free(l);
			return r;
		}
		l->next = all_loaded;
		all_loaded = l;
	}
	*ret = &l->desc;
	return 0;
}

struct listing {
	const char *kind;
	char **names;
	size_t count;
};

static bool listed(const struct listing *l, const char *name, size_t len)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strncmp(l->names[i], name, len) == 0 && l->names[i][len] == '\0')
			return true;
	}
	return false;
}

static int list_add(struct listing *l, const char *name, size_t len)
{
	char **more = realloc(l->names, (l->count + 2) * sizeof *more);

	if (!more)
		return -ENOMEM;
	l->names = more;
	more[l->count] = malloc(len + 1);
	if (!more[l->count])
		return -ENOMEM;
	memcpy(more[l->count], name, len);
	more[l->count++][len] = '\0';
	more[l->count] = NULL;
	return 0;
}

static int list_in(void *arg, const char *dir)
{
	struct listing *l = arg;
	size_t head = strlen(l->kind), len;
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (d && r == 0 && (e = readdir(d))) {
		len = strlen(e->d_name);
		if (len <= head + 4 || strncmp(e->d_name, l->kind, head) != 0 || e->d_name[head] != '_' ||
		    strcmp(e->d_name + len - 3, ".so") != 0)
			continue;
		len -= head + 4;
		if (name_ok(e->d_name + head + 1, len) && !listed(l, e->d_name + head + 1, len))
			r = list_add(l, e->d_name + head + 1, len);
	}
	if (d)
		closedir(d);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **loader_names(const char *dirs, enum sq_kind kind)
{
	struct listing l = {.kind = loader_kind_word(kind), .names = calloc(1, sizeof *l.names)};

	if (!l.names)
		return NULL;
	if (each_dir(dirs, list_in, &l) < 0) {
		loader_names_free(l.names);
		return NULL;
	}
	qsort(l.names, l.count, sizeof *l.names, by_name);
	return l.names;
}

void loader_names_free(char **names)
{
	for (char **n = names; n && *n; n++)
		free(*n);
	free(names);
}
