/* fail_vfs.c - wraps SQLite's own VFS; see sqlite.org/vfs.html and the comments in sqlite3.h. */
#include "fail_vfs.h"

#include <sqlite3.h>
#include <string.h>

/* One open file: SQLite gives us szOsFile bytes, the real file lives behind the head. */
struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs, our_vfs;
static unsigned countdown, times, failed;
static int failure;

void fail_vfs_after(unsigned n, unsigned count, int code)
{
	countdown = n;
	times = count;
	failure = code;
	failed = 0;
}

unsigned fail_vfs_failed(void)
{
	return failed;
}

static int fails(void)
{
	if (countdown == 0 || times == 0)
		return SQLITE_OK;
	if (countdown > 1) {
		countdown--;
		return SQLITE_OK;
	}
	times--;
	failed++;
	return failure;
}

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct file *)(void *)f)->real;
}

static int file_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int rc = fails();

	return rc ? rc : real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real(f)->pMethods->xTruncate(real(f), size);
}

/* Nobody pulls the plug in a test: nothing is waited for. As in SQLite's own VFS the code does not
 * depend on the reason. */
static int file_sync(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return real(f)->pMethods->xFileSize(real(f), ret);
}

static int file_lock(sqlite3_file *f, int how)
{
	return real(f)->pMethods->xLock(real(f), how);
}

static int file_unlock(sqlite3_file *f, int how)
{
	return real(f)->pMethods->xUnlock(real(f), how);
}

static int file_reserved(sqlite3_file *f, int *ret)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int file_traits(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int file_shm_unmap(sqlite3_file *f, int drop)
{
	return real(f)->pMethods->xShmUnmap(real(f), drop);
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_traits,
                                           .xShmMap = file_shm_map,
                                           .xShmLock = file_shm_lock,
                                           .xShmBarrier = file_shm_barrier,
                                           .xShmUnmap = file_shm_unmap};

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
	struct file *ours = (struct file *)(void *)f;
	int rc;

	(void)v;
	memset(ours, 0, sizeof *ours);
	ours->real = (sqlite3_file *)(void *)(ours + 1);
	rc = real_vfs->xOpen(real_vfs, path, ours->real, flags, ret_flags);
	if (ours->real->pMethods)
		ours->base.pMethods = &methods;
	return rc;
}

void fail_vfs_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	our_vfs = *real_vfs;
	our_vfs.zName = "fail";
	our_vfs.szOsFile += (int)sizeof(struct file);
	our_vfs.xOpen = vfs_open;
	sqlite3_vfs_register(&our_vfs, 1);
}
