/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* The daemon's own free(3) and realloc(3), which wipe before they give memory back: for libraries
 * that copy what they are given (a TLS library its records, libmilter its commands) and know no
 * better. Passwords in hands of our own are wiped by lib/secret.h all the same, so that they are
 * where these two can't be. A sanitizer brings its own. */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WIPE_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WIPE_SANITIZER 1
#endif

#if defined(HAVE___LIBC_FREE) && !defined(WIPE_SANITIZER)

/* The C library's, under the names that it keeps for those who replace them. */
extern void
__libc_free(void *memory); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

void free(void *ptr)
{
    if (ptr == NULL)
        return;
    explicit_bzero(ptr, malloc_usable_size(ptr));
    __libc_free(ptr);
}

/* What grows moves, since the library would leave its old place as it was. */
void *realloc(void *ptr, size_t size)
{
    if (ptr == NULL)
        return malloc(size);
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    size_t had = malloc_usable_size(ptr);
    if (size <= had && size >= had / 2)
        return ptr;
    void *moved = malloc(size);
    if (moved == NULL)
        return size <= had ? ptr : NULL;
    memcpy(moved, ptr, size < had ? size : had);
    free(ptr);
    return moved;
}

#endif
