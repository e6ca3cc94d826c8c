#define _XOPEN_SOURCE 700 /* pseudo-terminals */
#include "tests/support/modbus_slave.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/rng.h"

#define REGISTERS 200
#define HOLE_LEN 10

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static an_slave_shared *map(const char *file)
{
    const int fd = open(file, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(an_slave_shared)) != 0)
        give_up(file);
    void *p = mmap(NULL, sizeof(an_slave_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        give_up("mmap");
    return p;
}

/* ---- the slave's process ---- */

typedef struct server {
    modbus_t *link;
    modbus_mapping_t *map;
    an_slave_shared *shared;
    an_rng rng;
    int unit, head; /* bytes before the unit id */
    unsigned moved;
} server;

static void fill(modbus_mapping_t *m)
{
    uint16_t *r = m->tab_registers;
    r[2] = 0x4050; /* 3.25 as ABCD, CDAB, BADC and DCBA */
    r[5] = 0x4050;
    r[6] = 0x5040;
    r[9] = 0x5040;
    const double d = -1234.5;
    uint64_t all;
    memcpy(&all, &d, sizeof all);
    for (int i = 0; i < 4; i++)
        r[10 + i] = (uint16_t)(all >> (48 - 16 * i));
    r[14] = (uint16_t)-5;
    r[15] = 0x8001;
    r[16] = 0xFFFE; /* -70000 as int32 */
    r[17] = 0xEE90;
    r[18] = 0x8000; /* a sensor that is not there */
    r[SLAVE_HOLE + HOLE_LEN] = 7;
    for (int i = 0; i < REGISTERS; i++) {
        m->tab_input_registers[i] = (uint16_t)(1000 + i);
        m->tab_bits[i] = i % 3 == 0;
        m->tab_input_bits[i] = i % 5 == 0;
    }
}

/* What a process would show: a temperature in two registers, the low one first, a position around zero, a level. */
static void move(server *s)
{
    uint16_t *r = s->map->tab_registers;
    const double t = (double)s->moved++ / 5;
    const float heat = (float)(20 + 2 * sin(t));
    uint32_t bits;
    memcpy(&bits, &heat, sizeof bits);
    r[SLAVE_HEAT] = (uint16_t)bits;
    r[SLAVE_HEAT + 1] = (uint16_t)(bits >> 16);
    r[SLAVE_POSITION] = (uint16_t)(int16_t)(50 * sin(t / 2));
    r[SLAVE_LEVEL] = (uint16_t)(300 + 100 * cos(t));
}

static void babble(server *s)
{
    uint8_t bytes[600];
    const size_t n = an_rng_u64(&s->rng) % 5 == 0 ? 600 : 1 + an_rng_u64(&s->rng) % 30;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)an_rng_u64(&s->rng);
    bytes[0] = (uint8_t)s->unit;
    ssize_t sent = write(modbus_get_socket(s->link), bytes, n);
    (void)sent;
}

static void answer(server *s, const uint8_t *ask, int len)
{
    const uint8_t *pdu = ask + s->head;
    const int delay = atomic_exchange(&s->shared->delay_once, 0);
    if (ask[s->head - 1] != s->unit || atomic_load(&s->shared->mute))
        return;
    if (delay > 0)
        poll(NULL, 0, delay);
    if (atomic_load(&s->shared->garble)) {
        babble(s);
        return;
    }
    const int address = pdu[1] << 8 | pdu[2], n = pdu[3] << 8 | pdu[4];
    const bool words = pdu[0] == 3 || pdu[0] == 4;
    if (atomic_load(&s->shared->exception) > 0) {
        modbus_reply_exception(s->link, ask, (unsigned)atomic_load(&s->shared->exception));
        return;
    }
    if (words && address < SLAVE_HOLE + HOLE_LEN && address + n > SLAVE_HOLE) {
        modbus_reply_exception(s->link, ask, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
        return;
    }
    if (pdu[0] == 3 && address <= SLAVE_LEVEL && address + n > SLAVE_HEAT)
        move(s);
    if (pdu[0] == 3 && address < 2) {
        const unsigned count = atomic_fetch_add(&s->shared->count, 1) + 1;
        s->map->tab_registers[0] = (uint16_t)(count >> 16);
        s->map->tab_registers[1] = (uint16_t)count;
    }
    if (modbus_reply(s->link, ask, len, s->map) > 0)
        atomic_fetch_add(&s->shared->served, 1);
}

static void serve(server *s)
{
    uint8_t ask[MODBUS_TCP_MAX_ADU_LENGTH + 64];
    for (;;) {
        const int n = modbus_receive(s->link, ask);
        if (n > 0)
            answer(s, ask, n);
        else if (n < 0 && (errno == ECONNRESET || errno == EPIPE || errno == EIO || errno == EBADF))
            return;
        else if (n < 0)
            modbus_flush(s->link);
    }
}

/* slave FILE tcp PORT UNIT, slave FILE rtu PATH UNIT */
int an_slave_main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    const bool tcp = strcmp(argv[2], "tcp") == 0;
    server s = {.shared = map(argv[1]), .unit = (int)strtol(argv[4], NULL, 10), .head = tcp ? 7 : 1};
    s.map = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);
    s.link = tcp ? modbus_new_tcp("127.0.0.1", (int)strtol(argv[3], NULL, 10))
                 : modbus_new_rtu(argv[3], 115200, 'N', 8, 1);
    if (!s.map || !s.link)
        return 1;
    an_rng_init(&s.rng, (uint64_t)s.unit, 0);
    fill(s.map);
    modbus_set_slave(s.link, s.unit);
    if (!tcp) {
        if (modbus_connect(s.link) != 0)
            give_up(argv[3]);
        serve(&s);
        return 0;
    }
    int fd = modbus_tcp_listen(s.link, 4);
    if (fd < 0)
        give_up("listen");
    while (modbus_tcp_accept(s.link, &fd) >= 0) {
        serve(&s);
        modbus_close(s.link);
    }
    return 0;
}

/* ---- the test's side ---- */

void an_slave_init(an_slave *s, const char *kind, int port, int unit)
{
    memset(s, 0, sizeof *s);
    snprintf(s->file, sizeof s->file, "/tmp/andon-slave-XXXXXX");
    const int fd = mkstemp(s->file);
    if (fd < 0)
        give_up("mkstemp");
    close(fd);
    s->shared = map(s->file);
    snprintf(s->kind, sizeof s->kind, "%s", kind);
    snprintf(s->port, sizeof s->port, "%d", port ? port : an_free_port());
    snprintf(s->unit, sizeof s->unit, "%d", unit);
}

void an_slave_start(an_slave *s)
{
    const bool tcp = strcmp(s->kind, "tcp") == 0;
    s->process = an_part_start("slave", s->file, s->kind, tcp ? s->port : s->path, s->unit, NULL);
    if (tcp)
        an_port_wait((int)strtol(s->port, NULL, 10));
}

void an_slave_kill(an_slave *s)
{
    an_process_kill(&s->process);
}

void an_slave_done(an_slave *s)
{
    an_slave_kill(s);
    munmap(s->shared, sizeof *s->shared);
    unlink(s->file);
}

/* ---- a serial line ---- */

struct an_rtu_line {
    size_t n;                         /* slaves */
    int first;                        /* unit of the first */
    int side[RTU_SLAVES_MAX + 1];     /* 0: the master's */
    int terminal[RTU_SLAVES_MAX + 1]; /* held, so that it outlives whoever opens it */
    char path[RTU_SLAVES_MAX + 1][64];
    int stop[2];
    pthread_t thread;
};

static void make_terminal(an_rtu_line *l, size_t i)
{
    struct termios t;
    const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *name = fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 ? ptsname(fd) : NULL;
    if (!name)
        give_up("pseudo-terminal");
    snprintf(l->path[i], sizeof l->path[i], "%s", name);
    l->side[i] = fd;
    l->terminal[i] = open(l->path[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (l->terminal[i] < 0 || tcgetattr(l->terminal[i], &t) != 0)
        give_up(l->path[i]);
    t.c_iflag = t.c_oflag = t.c_lflag = 0;
    t.c_cflag = CS8 | CREAD | CLOCAL;
    tcsetattr(l->terminal[i], TCSANOW, &t);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* libmodbus's server takes what follows a question to somebody else for the answer to it, which a dead slave does
 * not give: so each hears only what is for it. */
static size_t addressed(const an_rtu_line *l, int unit)
{
    return unit >= l->first && unit < l->first + (int)l->n ? (size_t)(unit - l->first) + 1 : 0;
}

static void *carry(void *arg)
{
    an_rtu_line *l = arg;
    struct pollfd items[RTU_SLAVES_MAX + 2];
    uint8_t bytes[1024];
    for (;;) {
        items[0] = (struct pollfd){.fd = l->stop[0], .events = POLLIN};
        for (size_t i = 0; i <= l->n; i++)
            items[i + 1] = (struct pollfd){.fd = l->side[i], .events = POLLIN};
        if (poll(items, l->n + 2, -1) < 0 || items[0].revents)
            return NULL;
        for (size_t i = 0; i <= l->n; i++) {
            const ssize_t n = items[i + 1].revents ? read(l->side[i], bytes, sizeof bytes) : 0;
            const size_t to = n <= 0 || i > 0 ? 0 : addressed(l, bytes[0]);
            if (n > 0 && (i > 0 || to > 0)) {
                ssize_t sent = write(l->side[to], bytes, (size_t)n);
                (void)sent; /* nobody hears it: as on a wire */
            }
        }
    }
}

an_rtu_line *an_rtu_line_new(int first, size_t slaves)
{
    an_rtu_line *l = calloc(1, sizeof *l);
    l->first = first;
    l->n = slaves;
    for (size_t i = 0; i <= slaves; i++)
        make_terminal(l, i);
    if (pipe(l->stop) != 0 || pthread_create(&l->thread, NULL, carry, l) != 0)
        give_up("serial line");
    return l;
}

void an_rtu_line_free(an_rtu_line *l)
{
    close(l->stop[1]);
    pthread_join(l->thread, NULL);
    close(l->stop[0]);
    for (size_t i = 0; i <= l->n; i++) {
        close(l->side[i]);
        close(l->terminal[i]);
    }
    free(l);
}

const char *an_rtu_line_master(const an_rtu_line *l)
{
    return l->path[0];
}

const char *an_rtu_line_slave(const an_rtu_line *l, size_t i)
{
    return l->path[i + 1];
}

void an_rtu_line_forget(an_rtu_line *l, size_t i)
{
    tcflush(l->terminal[i + 1], TCIFLUSH);
}
