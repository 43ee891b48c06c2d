/* SPDX-License-Identifier: MIT */
/* For builds with ThreadSanitizer only. GLib's locks are futexes inside a library that is not
 * instrumented, so the sanitizer sees neither a lock nor an order in them, and would call
 * everything that they guard a race. The linker (--wrap, configure.ac) leads our calls here, where
 * the real function is called and the sanitizer is told; that keeps lock order and double unlocks
 * in its sight too. Threads need nothing: GLib makes them by pthread_create(). */
#include <glib.h>
#include <sanitizer/tsan_interface.h>

void __real_g_mutex_lock(GMutex *mutex);
void __real_g_mutex_unlock(GMutex *mutex);
gboolean __real_g_mutex_trylock(GMutex *mutex);
void __real_g_mutex_clear(GMutex *mutex);
void __real_g_cond_wait(GCond *cond, GMutex *mutex);
gboolean __real_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end);
void __real_g_rw_lock_reader_lock(GRWLock *lock);
void __real_g_rw_lock_reader_unlock(GRWLock *lock);
void __real_g_rw_lock_writer_lock(GRWLock *lock);
void __real_g_rw_lock_writer_unlock(GRWLock *lock);
void __real_g_rw_lock_clear(GRWLock *lock);
void __real_g_once_init_leave(volatile void *location, gsize result);

void __wrap_g_mutex_lock(GMutex *mutex);
void __wrap_g_mutex_unlock(GMutex *mutex);
gboolean __wrap_g_mutex_trylock(GMutex *mutex);
void __wrap_g_mutex_clear(GMutex *mutex);
void __wrap_g_cond_wait(GCond *cond, GMutex *mutex);
gboolean __wrap_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end);
void __wrap_g_rw_lock_reader_lock(GRWLock *lock);
void __wrap_g_rw_lock_reader_unlock(GRWLock *lock);
void __wrap_g_rw_lock_writer_lock(GRWLock *lock);
void __wrap_g_rw_lock_writer_unlock(GRWLock *lock);
void __wrap_g_rw_lock_clear(GRWLock *lock);
void __wrap_g_once_init_leave(volatile void *location, gsize result);

void __wrap_g_mutex_lock(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, 0);
    __real_g_mutex_lock(mutex);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

void __wrap_g_mutex_unlock(GMutex *mutex)
{
    __tsan_mutex_pre_unlock(mutex, 0);
    __real_g_mutex_unlock(mutex);
    __tsan_mutex_post_unlock(mutex, 0);
}

gboolean __wrap_g_mutex_trylock(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
    const gboolean locked = __real_g_mutex_trylock(mutex);
    __tsan_mutex_post_lock(mutex,
                           __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);
    return locked;
}

void __wrap_g_mutex_clear(GMutex *mutex)
{
    __real_g_mutex_clear(mutex);
    __tsan_mutex_destroy(mutex, 0);
}

/* While it waits the mutex is free; what wakes it up comes by way of the mutex, too. */
void __wrap_g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
    __real_g_cond_wait(cond, mutex);
    __tsan_mutex_pre_lock(mutex, 0);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

gboolean __wrap_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end)
{
    __tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
    const gboolean woken = __real_g_cond_wait_until(cond, mutex, end);
    __tsan_mutex_pre_lock(mutex, 0);
    __tsan_mutex_post_lock(mutex, 0, 0);
    return woken;
}

void __wrap_g_rw_lock_reader_lock(GRWLock *lock)
{
    __tsan_mutex_pre_lock(lock, __tsan_mutex_read_lock);
    __real_g_rw_lock_reader_lock(lock);
    __tsan_mutex_post_lock(lock, __tsan_mutex_read_lock, 0);
}

void __wrap_g_rw_lock_reader_unlock(GRWLock *lock)
{
    __tsan_mutex_pre_unlock(lock, __tsan_mutex_read_lock);
    __real_g_rw_lock_reader_unlock(lock);
    __tsan_mutex_post_unlock(lock, __tsan_mutex_read_lock);
}

void __wrap_g_rw_lock_writer_lock(GRWLock *lock)
{
    __tsan_mutex_pre_lock(lock, 0);
    __real_g_rw_lock_writer_lock(lock);
    __tsan_mutex_post_lock(lock, 0, 0);
}

void __wrap_g_rw_lock_writer_unlock(GRWLock *lock)
{
    __tsan_mutex_pre_unlock(lock, 0);
    __real_g_rw_lock_writer_unlock(lock);
    __tsan_mutex_post_unlock(lock, 0);
}

void __wrap_g_rw_lock_clear(GRWLock *lock)
{
    __real_g_rw_lock_clear(lock);
    __tsan_mutex_destroy(lock, 0);
}

/* g_once_init_enter() reads the place by an atomic of our own code, which finds the order here. */
void __wrap_g_once_init_leave(volatile void *location, gsize result)
{
    __tsan_release((void *)location);
    __real_g_once_init_leave(location, result);
}
