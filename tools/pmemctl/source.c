// SPDX-License-Identifier: BSD-3-Clause
/* Where a put reads from: see source.h. */
#include "tools/pmemctl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Bytes from the present position to the end, where such a thing exists. */
static uint64_t
bytes_ahead(int fd, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
        return SOURCE_TOTAL_UNKNOWN;
    const off_t at = lseek(fd, 0, SEEK_CUR);
    const off_t end = lseek(fd, 0, SEEK_END);
    if (at < 0 || end < 0 || lseek(fd, at, SEEK_SET) < 0)
        return SOURCE_TOTAL_UNKNOWN;
    return end > at ? (uint64_t)(end - at) : 0;
}

int
source_open(const char *file, struct source *ret)
{
    struct source s = {.fd = STDIN_FILENO};
    const bool std = strcmp(file, "-") == 0;
    if (!std)
        s.fd = open(file, O_RDONLY | O_CLOEXEC);
    if (s.fd < 0)
        return -errno;
    int rc = fstat(s.fd, &s.st) < 0 ? -errno : 0;
    if (rc == 0 && S_ISDIR(s.st.st_mode))
        rc = -EISDIR;
    if (rc < 0) {
        source_close(&s);
        return rc;
    }
    s.total = bytes_ahead(s.fd, &s.st);
    s.named = !std && s.total != SOURCE_TOTAL_UNKNOWN;
    if (s.named)
        (void)posix_fadvise(s.fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a wish */
    *ret = s;
    return 0;
}

void
source_close(struct source *s)
{
    if (s->fd > STDIN_FILENO)
        (void)close(s->fd);
    s->fd = -1;
}

long
source_read(const struct source *s, uint64_t pos, char *data, size_t len)
{
    const ssize_t n = s->named ? pread(s->fd, data, len, (off_t)pos) : read(s->fd, data, len);
    return n < 0 ? -errno : (long)n;
}

int
source_has_more(const struct source *s)
{
    int waiting = 0;
    if (ioctl(s->fd, FIONREAD, &waiting) == 0 && waiting > 0)
        return 1;
    char byte = 0;
    const ssize_t n = read(s->fd, &byte, 1);
    return n < 0 ? -errno : (int)n;
}
