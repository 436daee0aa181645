/* A socket for programs that control the machine; see qmp_session.h. */
#ifndef FRONTEND_QMP_H
#define FRONTEND_QMP_H

#include "base/types.h"

struct frontend;
struct qmp;

/* `where` as server_new takes it. NULL and a sentence in err on failure. */
struct qmp *qmp_start(const char *where, struct frontend *f, char *err, size_t err_size);
/* As the functions of server.h; the client is told that the program ends. */
void qmp_ask_to_stop(struct qmp *q);
bool qmp_has_stopped(struct qmp *q);
void qmp_free(struct qmp *q);

#endif
