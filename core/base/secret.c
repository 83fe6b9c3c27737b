/* secret.c - secrets: from "env:NAME" or "file:/path" to what they stand for. */
#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 65536

static int from_variable(const char *name, char **ret, struct sq_err *err)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return sq_fail(err, -ENOENT, "variable %s is not set", name);
	*ret = strdup(value);
	return *ret ? 0 : sq_fail(err, -ENOMEM, "out of memory");
}

/* Without the newline that editors and echo put at the end. */
static void cut_newline(char *s, size_t len)
{
	if (len && s[len - 1] == '\n')
		s[--len] = '\0';
	if (len && s[len - 1] == '\r')
		s[--len] = '\0';
}

/* text: SECRET_MAX + 2 bytes, zeroed. */
static int read_file(const char *path, char *text, struct sq_err *err)
{
	FILE *f = fopen(path, "re");
	size_t len;
	int e = 0;

	if (!f)
		return sq_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	setvbuf(f, NULL, _IONBF, 0); /* no copy of the secret in a buffer of stdio */
	len = fread(text, 1, SECRET_MAX + 1, f);
	if (ferror(f))
		e = errno;
	fclose(f);
	if (e)
		return sq_fail(err, -e, "cannot read %s: %s", path, strerror(e));
	if (len > SECRET_MAX || memchr(text, '\0', len))
		return sq_fail(err, -EINVAL, "%s holds no text of at most %d bytes", path, SECRET_MAX);
	cut_newline(text, len);
	return *text ? 0 : sq_fail(err, -EINVAL, "%s is empty", path);
}

static int from_file(const char *path, char **ret, struct sq_err *err)
{
	char *text = calloc(1, SECRET_MAX + 2);
	int r = text ? read_file(path, text, err) : sq_fail(err, -ENOMEM, "out of memory");

	if (r == 0)
		*ret = strdup(text);
	if (r == 0 && !*ret)
		r = sq_fail(err, -ENOMEM, "out of memory");
	if (text)
		explicit_bzero(text, SECRET_MAX + 2);
	free(text);
	return r;
}

int secret_read(const char *source, char **ret, struct sq_err *err)
{
	if (strncmp(source, "env:", 4) == 0)
		return from_variable(source + 4, ret, err);
	if (strncmp(source, "file:", 5) == 0)
		return from_file(source + 5, ret, err);
	return sq_fail(err, -EINVAL, "it is neither env:NAME nor file:/path");
}

void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
