/* http_listen.c - the socket that a server listens on: TCP or a socket file. */
#include "http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/text.h"

#define UNIX "unix:"

static const char *cure(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "the address is in use: stop the other process or choose another port (option listen)";
	case EACCES:
	case EPERM:
		return "permission denied: choose a port above 1023 or a folder of your own (option listen)";
	case EADDRNOTAVAIL:
		return "this machine has no such address: choose one of its own, or 0.0.0.0 for all of them "
		       "(option listen)";
	case ENOENT:
		return "no such folder: make it or choose another path (option listen)";
	case EMFILE:
	case ENFILE:
		return "no file descriptors are left: raise the limit (ulimit -n, LimitNOFILE)";
	default:
		return NULL;
	}
}

static int cannot(const struct conf_listener *conf, int error, struct sq_err *err)
{
	const char *text = cure(error);

	if (text)
		return sq_fail(err, -error, "cannot listen on %s: %s", conf->listen, text);
	return sq_fail(err, -error, "cannot listen on %s: %s: choose another address (option listen)",
	               conf->listen, strerror(error));
}

static int wrong(const struct conf_listener *conf, struct sq_err *err)
{
	return sq_fail(err, -EINVAL,
	               "cannot listen on %s: not an address: write host:port, [IPv6 address]:port or "
	               "unix:/path (option listen)",
	               conf->listen);
}

static int sock_open(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int bind_listen(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (bind(fd, sa, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return 0;
}

/* --- socket files --- */

/* A file that was left behind by a process that died is in nobody's way. */
static int remove_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, r;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = sock_open(AF_UNIX);
	if (fd < 0)
		return fd;
	r = connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 ? -errno : 0;
	close(fd);
	if (r != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(sa->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, r;

	if (strlen(path) >= sizeof sa.sun_path)
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	r = remove_stale(&sa);
	if (r < 0)
		return r;
	fd = sock_open(AF_UNIX);
	if (fd < 0)
		return fd;
	mask = umask(0117); /* 0660 from the first moment on */
	r = bind_listen(fd, (struct sockaddr *)&sa, sizeof sa);
	umask(mask);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* --- TCP --- */

/* Cuts "host:port" or "[host]:port". */
static int split(const char *listen, char *host, size_t host_size, const char **port)
{
	const char *colon = strrchr(listen, ':'), *from = listen, *to = colon;
	int64_t number;

	if (!colon || text_parse_int(colon + 1, &number) < 0 || number < 0 || number > 65535)
		return -EINVAL;
	if (*from == '[') {
		from++;
		to--;
		if (to < from || *to != ']')
			return -EINVAL;
	}
	if (to <= from || (size_t)(to - from) >= host_size)
		return -EINVAL;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	*port = colon + 1;
	return 0;
}

static int listen_tcp(const struct addrinfo *ai, bool reuse_port)
{
	int fd = sock_open(ai->ai_family), on = 1, off = 0, r;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
	    /* [::] takes IPv4 as well, whatever the system's default. */
	    (ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0))
		r = -errno;
	else
		r = bind_listen(fd, ai->ai_addr, ai->ai_addrlen);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int resolve_and_listen(const struct conf_listener *conf, struct sq_err *err)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *list;
	const char *port;
	char host[256];
	int r;

	if (split(conf->listen, host, sizeof host, &port) < 0)
		return wrong(conf, err);
	r = getaddrinfo(host, port, &hints, &list);
	if (r == EAI_NONAME)
		return wrong(conf, err);
	if (r != 0)
		return sq_fail(
		    err, -EADDRNOTAVAIL,
		    "cannot listen on %s: cannot look up the name (%s): write an IP address (option listen)",
		    conf->listen, gai_strerror(r));
	r = listen_tcp(list, conf->reuse_port);
	freeaddrinfo(list);
	return r < 0 ? cannot(conf, -r, err) : r;
}

/* Port 0 has become a real one. */
static void name_url(int fd, char url[HTTP_URL_MAX])
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";

	getsockname(fd, (struct sockaddr *)&ss, &len);
	getnameinfo((struct sockaddr *)&ss, len, host, sizeof host, port, sizeof port,
	            NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(url, HTTP_URL_MAX, ss.ss_family == AF_INET6 ? "http://[%.200s]:%.8s" : "http://%.200s:%.8s",
	         host, port);
}

int http_listen(const struct conf_listener *conf, char url[HTTP_URL_MAX], struct sq_err *err)
{
	int fd;

	if (strncmp(conf->listen, UNIX, strlen(UNIX)) == 0) {
		fd = listen_unix(conf->listen + strlen(UNIX));
		if (fd < 0)
			return cannot(conf, -fd, err);
		snprintf(url, HTTP_URL_MAX, "%s", conf->listen);
		return fd;
	}
	fd = resolve_and_listen(conf, err);
	if (fd >= 0)
		name_url(fd, url);
	return fd;
}

void http_unlisten(int fd, const char *url)
{
	if (strncmp(url, UNIX, strlen(UNIX)) == 0)
		unlink(url + strlen(UNIX));
	close(fd);
}

int http_accept(int fd, char *peer, size_t peer_size)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	socklen_t len = sizeof ss;
	int on = 1, client = accept4(fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (client < 0)
		return -errno;
	if (ss.ss_family == AF_UNIX) {
		snprintf(peer, peer_size, "unix");
		return client;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (getnameinfo((struct sockaddr *)&ss, len, peer, (socklen_t)peer_size, NULL, 0, NI_NUMERICHOST) !=
	    0)
		snprintf(peer, peer_size, "?");
	return client;
}
