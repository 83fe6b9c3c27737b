/* keys.c - reads the hashes of the API keys, and compares with them. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"

#define FILE_MAX (1 << 20)
#define KEYS_MAX 10000

static int add(struct keys *k, const char *hash)
{
	char(*more)[SHA256_TEXT] = realloc(k->hashes, (k->count + 1) * sizeof *k->hashes);

	if (!more)
		return -ENOMEM;
	k->hashes = more;
	memcpy(k->hashes[k->count], hash, SHA256_TEXT - 1);
	k->hashes[k->count++][SHA256_TEXT - 1] = '\0';
	return 0;
}

static int read_line(struct keys *k, const char *path, unsigned number, struct sq_slice line,
                     struct sq_err *err)
{
	size_t len = 0;
	char hash[SHA256_TEXT] = "";

	while (line.len > 0 && (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == ' '))
		line.len--;
	while (len < line.len && line.data[len] != ' ')
		len++;
	if (line.len == 0 || *line.data == '#')
		return 0;
	if (len < sizeof hash)
		memcpy(hash, line.data, len);
	if (!sha256_is_text(hash))
		return sq_fail(
		    err, -EINVAL,
		    "%s:%u: not the SHA-256 of a key: write 64 hexadecimal digits in small letters, "
		    "as printf %%s KEY | sha256sum does",
		    path, number);
	if (k->count == KEYS_MAX)
		return sq_fail(err, -EINVAL, "%s: more than %d keys", path, KEYS_MAX);
	return add(k, hash) < 0 ? sq_fail(err, -ENOMEM, "not enough memory") : 0;
}

int keys_parse(const char *path, const char *text, struct keys *out, struct sq_err *err)
{
	struct keys k = {0};
	unsigned number = 0;
	int r = 0;

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");

		r = read_line(&k, path, ++number, (struct sq_slice){text, len}, err);
		text += len + (text[len] != '\0');
	}
	if (r == 0 && k.count == 0)
		r = sq_fail(err, -EINVAL,
		            "%s: there is no key in it: leave api_keys_file out to let everybody in", path);
	if (r < 0)
		keys_free(&k);
	else
		*out = k;
	return r;
}

/* The whole file, at most FILE_MAX bytes. */
static int read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *room;
	int r = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && (room = buf_room(out, 4096)) != NULL && (n = read(fd, room, 4096)) > 0) {
		out->len += (size_t)n;
		r = out->len > FILE_MAX ? -EFBIG : 0;
	}
	if (n < 0)
		r = -errno;
	close(fd);
	buf_str(out, "");
	return buf_failed(out) ? -ENOMEM : r;
}

int keys_load(const char *path, struct keys *out, struct sq_err *err)
{
	struct buf text = {0};
	int r = read_file(path, &text);

	if (r < 0)
		sq_fail(err, r, "cannot read api_keys_file %s: %s", path, strerror(-r));
	else
		r = keys_parse(path, text.data, out, err);
	buf_free(&text);
	return r;
}

void keys_free(struct keys *k)
{
	free(k->hashes);
	*k = (struct keys){0};
}

bool keys_admit(const struct keys *k, struct sq_slice authorization)
{
	static const char scheme[] = "Bearer ";
	size_t skip = sizeof scheme - 1;
	char hash[SHA256_TEXT];
	bool known = false;

	if (k->count == 0)
		return true;
	if (authorization.len <= skip || strncasecmp(authorization.data, scheme, skip) != 0)
		return false;
	while (skip < authorization.len && authorization.data[skip] == ' ')
		skip++;
	if (sha256_text(authorization.data + skip, authorization.len - skip, hash) < 0)
		return false;
	for (uint32_t i = 0; i < k->count; i++)
		known |= secret_equal(k->hashes[i], hash, SHA256_TEXT - 1);
	return known;
}
