/*
 * A number that other threads change under a lock, as it is at this moment.
 */
#ifndef BASE_LOCKED_H
#define BASE_LOCKED_H

#include "base/types.h"

#include <pthread.h>

static inline u64 locked_u64(pthread_mutex_t *lock, const u64 *number)
{
    u64 n;

    pthread_mutex_lock(lock);
    n = *number;
    pthread_mutex_unlock(lock);
    return n;
}

static inline int locked_int(pthread_mutex_t *lock, const int *number)
{
    int n;

    pthread_mutex_lock(lock);
    n = *number;
    pthread_mutex_unlock(lock);
    return n;
}

#endif
