#include "tests/support/mqtt_broker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "doors/mqtt.h"
#include "tests/support/folder.h"

#define MOSQUITTO "/usr/sbin/mosquitto"

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- the broker ---- */

static void write_conf(const an_broker *b, const char *more)
{
    char path[AN_PATH_MAX];
    snprintf(path, sizeof path, "%.900s/mosquitto.conf", b->dir);
    FILE *f = fopen(path, "w");
    if (!f)
        give_up(path);
    if (geteuid() == 0) /* else it becomes somebody who may not write here */
        fprintf(f, "user root\n");
    fprintf(f, "persistence true\npersistence_location %s/\nautosave_interval 1\nautosave_on_changes true\n",
            b->dir);
    fprintf(f, "max_queued_messages 0\nlistener %d 127.0.0.1\n", b->port);
    if (more[0]) {
        for (const char *p = more; *p; p++)
            if (p[0] == '%' && p[1] == 's')
                fputs(b->dir, f), p++;
            else
                fputc(*p, f);
        fputc('\n', f);
    } else {
        fprintf(f, "allow_anonymous true\n");
    }
    fclose(f);
}

void an_broker_resume(an_broker *b)
{
    char conf[AN_PATH_MAX], log[AN_PATH_MAX];
    snprintf(conf, sizeof conf, "%.900s/mosquitto.conf", b->dir);
    snprintf(log, sizeof log, "%.900s/log", b->dir);
    b->process = an_process_start(log, MOSQUITTO, "-c", conf, NULL);
    an_port_wait(b->port);
}

bool an_broker_start_in(an_broker *b, const char *dir, const char *more)
{
    if (access(MOSQUITTO, X_OK) != 0) {
        printf("there is no %s here: deploy/install-deps --tests installs it\n", MOSQUITTO);
        return false;
    }
    memset(b, 0, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "%s", dir);
    b->port = an_free_port();
    write_conf(b, more);
    an_broker_resume(b);
    return true;
}

bool an_broker_start(an_broker *b, const char *more)
{
    char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    if (an_broker_start_in(b, dir, more))
        return true;
    an_test_folder_remove(dir);
    return false;
}

void an_broker_kill(an_broker *b)
{
    an_process_kill(&b->process);
}

void an_broker_end(an_broker *b)
{
    an_process_signal(&b->process, SIGTERM);
    if (b->process.pid > 0)
        waitpid(b->process.pid, NULL, 0);
    b->process.pid = 0;
}

void an_broker_done(an_broker *b)
{
    an_broker_kill(b);
    an_test_folder_remove(b->dir);
}

/* ---- publishing ---- */

typedef struct sender {
    int id, done; /* done: acknowledged */
} sender;

static void on_message(void *ctx, const an_mqtt_message *m)
{
    (void)ctx;
    (void)m;
}

static void on_published(void *ctx, int id)
{
    sender *s = ctx;
    if (id == s->id)
        s->done = 1;
}

static const an_mqtt_events events = {.message = on_message, .published = on_published};

static an_mqtt *link_new(int port, const char *client, sender *s)
{
    an_mqtt *m = NULL;
    const an_mqtt_conf conf = {.host = "127.0.0.1", .port = port, .client = client, .session_s = 3600};
    if (an_mqtt_new(&conf, &events, s, &m, NULL) != AN_OK)
        give_up("publisher");
    return m;
}

static void keep_connected(an_mqtt *m, an_err err)
{
    bool session = false;
    while (err != AN_OK) {
        poll(NULL, 0, 20);
        err = an_mqtt_connect(m, 2000, &session, NULL);
    }
}

static void send_one(an_mqtt *m, sender *s, const char *topic, const void *payload, size_t len, bool retain)
{
    s->done = 0;
    if (an_mqtt_publish(m, topic, payload, len, 1, retain, &s->id, NULL) != AN_OK)
        give_up("publish");
    while (!s->done) /* after a lost connection the library sends it again */
        keep_connected(m, an_mqtt_turn(m, 100, NULL));
}

/* publisher FILE PORT TOPIC PER_SECOND */
int an_publisher_main(int argc, char **argv)
{
    sender s = {.id = -1};
    if (argc < 5)
        return 2;
    an_publisher_shared *shared = an_shared_map(argv[1], sizeof *shared);
    an_mqtt *m = link_new((int)strtol(argv[2], NULL, 10), argv[3], &s);
    const int64_t pause = 1000 / strtol(argv[4], NULL, 10);
    keep_connected(m, AN_ERR_IO);
    for (;;) {
        char text[16];
        const unsigned next = atomic_load(&shared->sent) + 1;
        while (atomic_load(&shared->pause)) {
            atomic_store(&shared->rests, 1);
            keep_connected(m, an_mqtt_turn(m, 5, NULL));
        }
        atomic_store(&shared->rests, 0);
        snprintf(text, sizeof text, "%u", next);
        send_one(m, &s, argv[3], text, strlen(text), false);
        atomic_store(&shared->sent, next);
        poll(NULL, 0, (int)pause);
    }
}

void an_publisher_start(an_publisher *p, int port, const char *topic, int per_second)
{
    char at[16], rate[16];
    p->shared = an_shared_make(p->file, sizeof *p->shared);
    snprintf(at, sizeof at, "%d", port);
    snprintf(rate, sizeof rate, "%d", per_second);
    p->process = an_part_start("publisher", p->file, at, topic, rate, NULL);
}

void an_publisher_pause(an_publisher *p)
{
    atomic_store(&p->shared->rests, 0);
    atomic_store(&p->shared->pause, 1);
    for (int i = 0; !atomic_load(&p->shared->rests); i++) {
        if (i == 6000)
            give_up("the publisher does not rest");
        poll(NULL, 0, 5);
    }
}

void an_publisher_go_on(an_publisher *p)
{
    atomic_store(&p->shared->pause, 0);
}

void an_publisher_done(an_publisher *p)
{
    an_process_kill(&p->process);
    munmap(p->shared, sizeof *p->shared);
    unlink(p->file);
}

void an_publish(int port, const char *topic, const void *payload, size_t len, bool retain)
{
    sender s = {.id = -1};
    an_mqtt *m = link_new(port, "test", &s);
    keep_connected(m, AN_ERR_IO);
    send_one(m, &s, topic, payload, len, retain);
    an_mqtt_free(m);
}
