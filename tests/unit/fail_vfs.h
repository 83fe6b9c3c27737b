/*
 * fail_vfs.h - a disk for SQLite that fails when told to.
 */
#ifndef TESTS_FAIL_VFS_H
#define TESTS_FAIL_VFS_H

/* Makes it SQLite's default; everything but sync goes through to the real one until it is to fail. */
void fail_vfs_install(void);

/* From the n-th write or sync on (1 = the next), count of them return code (SQLITE_FULL, an
 * SQLITE_IOERR_...). n = 0: none. */
void fail_vfs_after(unsigned n, unsigned count, int code);
unsigned fail_vfs_failed(void); /* how many have failed since then */

#endif
