/* A disk that fails when it is told to, for a process that was started with this in LD_PRELOAD.

   DISK_FOLDER   the folder whose files are on that disk
   DISK_SWITCH   while this file exists, calls fail with EIO: those that its content names, "write", "sync" or "read"
   DISK_PLATTER  optional, a folder: what of each file would be there after a power cut

   A failed sync does to the platter what it does on Linux: what was to be kept is lost, and the next sync, which has
   nothing left to write, claims success. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct unsynced {
    struct unsynced *next;
    char name[256];
    off64_t at;
    size_t size;
} Unsynced;

static Unsynced *unsynced;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Whether `fd` is a file of the disk; `name` becomes its name, without folders. */
static int is_ours(int fd, char name[256]) {
    const char *folder = getenv("DISK_FOLDER");
    char link[64], path[PATH_MAX];
    ssize_t size;
    size_t length;
    if (folder == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    length = strlen(folder);
    if (strncmp(path, folder, length) != 0 || path[length] != '/') return 0;
    snprintf(name, 256, "%s", strrchr(path, '/') + 1);
    return 1;
}

static int fails(const char *what) {
    const char *path = getenv("DISK_SWITCH");
    char content[64];
    ssize_t size;
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    size = REAL(read)(fd, content, sizeof content - 1);
    close(fd);
    if (size < 0) return 0;
    content[size] = 0;
    return strstr(content, what) != NULL;
}

static int platter(const char *name) {
    const char *folder = getenv("DISK_PLATTER");
    char path[PATH_MAX];
    if (folder == NULL) return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void remember(const char *name, off64_t at, ssize_t size) {
    Unsynced *one;
    if (size <= 0 || getenv("DISK_PLATTER") == NULL) return;
    one = malloc(sizeof *one);
    snprintf(one->name, sizeof one->name, "%s", name);
    one->at = at;
    one->size = (size_t)size;
    pthread_mutex_lock(&turn);
    one->next = unsynced;
    unsynced = one;
    pthread_mutex_unlock(&turn);
}

/* Nothing of the file waits for a sync any more; what did is on the platter now, or lost. */
static void sync_platter(int fd, const char *name, int is_kept) {
    Unsynced **place;
    int disk = platter(name);
    if (disk < 0) return;
    pthread_mutex_lock(&turn);
    for (place = &unsynced; *place != NULL;) {
        Unsynced *one = *place;
        if (strcmp(one->name, name) != 0) {
            place = &one->next;
            continue;
        }
        if (is_kept) {
            char *bytes = malloc(one->size);
            ssize_t size = REAL(pread64)(fd, bytes, one->size, one->at);
            if (size > 0 && REAL(pwrite64)(disk, bytes, (size_t)size, one->at) != size) abort();
            free(bytes);
        }
        *place = one->next;
        free(one);
    }
    pthread_mutex_unlock(&turn);
    close(disk);
}

static int sync_file(int fd, int (*real)(int)) {
    char name[256];
    int done;
    if (!is_ours(fd, name)) return real(fd);
    if (fails("sync")) {
        sync_platter(fd, name, 0);
        errno = EIO;
        return -1;
    }
    done = real(fd);
    if (done == 0) sync_platter(fd, name, 1);
    return done;
}

int fsync(int fd) { return sync_file(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_file(fd, REAL(fdatasync)); }

ssize_t write(int fd, const void *bytes, size_t size) {
    char name[256];
    if (is_ours(fd, name) && fails("write")) {
        errno = EIO;
        return -1;
    }
    return REAL(write)(fd, bytes, size);
}

static ssize_t write_at(int fd, const void *bytes, size_t size, off64_t at) {
    char name[256];
    ssize_t done;
    if (!is_ours(fd, name)) return REAL(pwrite64)(fd, bytes, size, at);
    if (fails("write")) {
        errno = EIO;
        return -1;
    }
    done = REAL(pwrite64)(fd, bytes, size, at);
    remember(name, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) { return write_at(fd, bytes, size, at); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return write_at(fd, bytes, size, at); }

static ssize_t read_at(int fd, void *bytes, size_t size, off64_t at) {
    char name[256];
    if (is_ours(fd, name) && fails("read")) {
        errno = EIO;
        return -1;
    }
    return REAL(pread64)(fd, bytes, size, at);
}

ssize_t read(int fd, void *bytes, size_t size) {
    char name[256];
    if (is_ours(fd, name) && fails("read")) {
        errno = EIO;
        return -1;
    }
    return REAL(read)(fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t at) { return read_at(fd, bytes, size, at); }
ssize_t pread(int fd, void *bytes, size_t size, off_t at) { return read_at(fd, bytes, size, at); }

/* That a file is shorter, or gone, is kept at once. */
static int shorten(int fd, off64_t size) {
    char name[256];
    int done = REAL(ftruncate64)(fd, size), disk;
    if (done == 0 && is_ours(fd, name) && (disk = platter(name)) >= 0) {
        if (REAL(ftruncate64)(disk, size) != 0) abort();
        close(disk);
    }
    return done;
}

int ftruncate64(int fd, off64_t size) { return shorten(fd, size); }
int ftruncate(int fd, off_t size) { return shorten(fd, size); }

int unlink(const char *path) {
    const char *folder = getenv("DISK_FOLDER"), *kept = getenv("DISK_PLATTER");
    char copy[PATH_MAX];
    size_t length = folder == NULL ? 0 : strlen(folder);
    int done = REAL(unlink)(path);
    if (done == 0 && folder != NULL && kept != NULL && strncmp(path, folder, length) == 0 && path[length] == '/') {
        snprintf(copy, sizeof copy, "%s/%s", kept, strrchr(path, '/') + 1);
        REAL(unlink)(copy);
    }
    return done;
}
