// SPDX-License-Identifier: BSD-3-Clause
/* Where a get puts its bytes: see sink.h. */
#include "tools/pmemctl/sink.h"

#include "tools/pmemctl/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Standard output as a pipe would block us, and the connection would starve meanwhile. Opened
 * anew through /proc, the pipe is ours to make non-blocking; the flag of the shared one is not.
 */
static void
open_pipe_anew(struct sink *s)
{
    const int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fcntl(fd, F_SETPIPE_SZ, 1 << 20); /* a wish */
    s->fd = fd;
    s->own_fd = true;
    s->waits = true;
}

static int
open_stdout(struct sink *s)
{
    struct stat st;
    s->fd = STDOUT_FILENO;
    s->stream = true;
    if (fstat(s->fd, &st) < 0)
        return -errno;
    if (S_ISFIFO(st.st_mode))
        open_pipe_anew(s);
    return 0;
}

/* Something that is there and no regular file: a device, a named pipe. */
static int
open_special(const char *file, mode_t mode, struct sink *s)
{
    s->fd = open(file, O_WRONLY | O_CLOEXEC);
    if (s->fd < 0)
        return -errno;
    s->own_fd = true;
    s->stream = !S_ISBLK(mode);
    if (S_ISFIFO(mode)) {
        if (fcntl(s->fd, F_SETFL, O_WRONLY | O_NONBLOCK) < 0)
            return -errno;
        s->waits = true;
    }
    return 0;
}

static int
open_part(const char *file, bool exists, struct sink *s)
{
    /* A link is followed, so that what it points to is replaced, not the link. */
    s->file = exists ? realpath(file, NULL) : strdup(file);
    if (s->file == NULL)
        return -errno;
    s->part = resume_path(s->file, SINK_PART_SUFFIX);
    if (s->part == NULL)
        return -ENOMEM;
    s->fd = open(s->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->fd < 0)
        return -errno;
    s->own_fd = true;
    return flock(s->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int
sink_open(const char *file, struct sink *ret)
{
    struct sink s = {.fd = -1};
    struct stat st = {0};
    int rc = 0;
    if (strcmp(file, "-") == 0) {
        rc = open_stdout(&s);
    } else {
        const bool exists = stat(file, &st) == 0;
        if (exists && S_ISDIR(st.st_mode))
            rc = -EISDIR;
        else if (exists && !S_ISREG(st.st_mode))
            rc = open_special(file, st.st_mode, &s);
        else
            rc = open_part(file, exists, &s);
    }
    if (rc < 0) {
        sink_close(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

void
sink_close(struct sink *s)
{
    if (s->own_fd)
        (void)close(s->fd);
    free(s->file);
    free(s->part);
    *s = (struct sink){.fd = -1};
}

int
sink_restart(const struct sink *s, uint64_t total)
{
    if (s->part == NULL)
        return 0;
    if (ftruncate(s->fd, 0) < 0)
        return -errno;
    if (total == 0 || fallocate(s->fd, 0, 0, (off_t)total) == 0)
        return 0;
    const int err = errno;
    return err == ENOSPC || err == EFBIG || err == EDQUOT ? -err : 0; /* else: no promise */
}

/* All of it, at its place. */
static long
put_at(int fd, uint64_t pos, const char *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        const ssize_t n = pwrite(fd, data + done, len - done, (off_t)(pos + done));
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ENOSPC; /* the end of a block device */
        done += (size_t)n;
    }
    return (long)len;
}

long
sink_put(const struct sink *s, uint64_t pos, const char *data, size_t len)
{
    if (!s->stream)
        return put_at(s->fd, pos, data, len);
    const ssize_t n = write(s->fd, data, len);
    if (n >= 0)
        return (long)n;
    const int err = errno;
    return err == EAGAIN || err == EINTR ? 0 : -err;
}

int
sink_sync(const struct sink *s)
{
    return s->stream || fsync(s->fd) == 0 ? 0 : -errno;
}

static int
sync_folder(const char *file)
{
    char *const copy = strdup(file); /* dirname() changes its argument */
    if (copy == NULL)
        return -ENOMEM;
    int rc = 0;
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        rc = -errno;
    if (fd >= 0)
        (void)close(fd);
    free(copy);
    return rc;
}

int
sink_commit(struct sink *s)
{
    if (s->part == NULL)
        return 0;
    if (rename(s->part, s->file) < 0)
        return -errno;
    return sync_folder(s->file);
}
