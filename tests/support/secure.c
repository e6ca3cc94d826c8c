#include "tests/support/secure.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sum/vector.h"

enum { DIM = 5000 };

void an_secure_world_init(an_secure_world *w, uint32_t n, uint32_t colluders_permille,
                          uint32_t dropouts_permille)
{
    *w = (an_secure_world){.p = {.round = 12,
                                 .dim = DIM,
                                 .cipher = AN_CIPHER_CHACHA20,
                                 .n = n,
                                 .min_parties = 3,
                                 .colluding = an_sum_graph_colluding_parties(n, colluders_permille),
                                 .dropouts_permille = dropouts_permille,
                                 .security_bits = 40,
                                 .correctness_bits = 30}};
    w->p.plan.b[0] = 7;
    w->keys = calloc(n, sizeof *w->keys);
    for (uint32_t i = 0; i < n; i++) {
        an_sign_keypair(w->members[i].statement_key, w->keys[i]);
        w->members[i].party = i;
    }
    an_rng_init(&w->rng, n, 0);
}

static void drop_machines(an_secure_world *w)
{
    for (uint32_t i = 0; w->sites && i < w->p.n; i++)
        an_secure_site_free(w->sites[i]);
    for (uint32_t i = 0; w->masked && i < w->p.n; i++)
        free(w->masked[i]);
    an_secure_sum_free(w->sum);
    free(w->sites);
    free(w->masked);
    free(w->acc);
    w->sum = NULL;
    w->sites = NULL;
    w->masked = NULL;
    w->acc = NULL;
}

void an_secure_world_done(an_secure_world *w)
{
    drop_machines(w);
    free(w->keys);
    w->keys = NULL;
}

an_err an_secure_world_begin(an_secure_world *w, an_note *why)
{
    drop_machines(w);
    w->p.members = w->members;
    w->sites = calloc(w->p.n, sizeof(an_secure_site *));
    w->masked = calloc(w->p.n, sizeof(uint32_t *));
    w->acc = calloc(w->p.dim, sizeof *w->acc);
    an_err err = an_secure_sum_new(&w->p, &w->sum, why);
    for (uint32_t i = 0; i < w->p.n && err == AN_OK; i++)
        err = an_secure_site_new(&w->p, i, w->keys[i], &w->sites[i], why);
    return err;
}

uint32_t an_secure_world_value(uint32_t site, uint32_t coordinate)
{
    return (uint32_t)an_mix64(((uint64_t)site << 32) + coordinate);
}

an_err an_secure_world_send(an_secure_world *w, uint32_t site, an_note *why)
{
    an_buf b;
    an_err err;
    if (!w->sites[site])
        return AN_OK;
    an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
    err = an_secure_site_message(w->sites[site], &b);
    if (err == AN_OK)
        err = an_secure_sum_feed(w->sum, site, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

an_err an_secure_world_receive(an_secure_world *w, uint32_t site, an_note *why)
{
    an_buf b;
    an_err err;
    if (!w->sites[site] || !an_secure_sum_is_in(w->sum, site))
        return AN_OK;
    an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
    err = an_secure_sum_message(w->sum, site, &b);
    if (err == AN_OK)
        err = an_secure_site_feed(w->sites[site], b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

an_err an_secure_world_mask(an_secure_world *w, uint32_t site, an_note *why)
{
    an_hash h;
    an_err err = AN_OK;
    uint32_t *v, half = w->p.dim / 2;
    if (!w->sites[site])
        return AN_OK;
    v = malloc(w->p.dim * sizeof *v);
    for (uint32_t i = 0; i < w->p.dim; i++)
        v[i] = an_secure_world_value(site, i);
    err = an_secure_site_mask(w->sites[site], v, 0, half);
    if (err == AN_OK)
        err = an_secure_site_mask(w->sites[site], v + half, half, w->p.dim - half);
    an_hash_of(&h, v, w->p.dim * sizeof *v);
    if (err == AN_OK)
        err = an_secure_site_commit(w->sites[site], &h, why);
    free(w->masked[site]);
    w->masked[site] = v;
    return err;
}

void an_secure_world_lose(an_secure_world *w, uint32_t site)
{
    an_secure_site_free(w->sites[site]);
    w->sites[site] = NULL;
}

an_err an_secure_world_restart_site(an_secure_world *w, uint32_t site, an_note *why)
{
    an_buf b;
    an_err err;
    if (!w->sites[site])
        return AN_OK;
    an_buf_init(&b, 4u << 20);
    err = an_secure_site_save(w->sites[site], &b);
    an_secure_world_lose(w, site);
    if (err == AN_OK)
        err = an_secure_site_restore(&w->p, site, w->keys[site], b.data, b.len, &w->sites[site], why);
    an_buf_done(&b);
    return err;
}

an_err an_secure_world_restart_sum(an_secure_world *w, an_note *why)
{
    const uint8_t *bytes;
    size_t len;
    an_secure_sum_save(w->sum, &bytes, &len);
    uint8_t *copy = malloc(len);
    memcpy(copy, bytes, len);
    an_secure_sum_free(w->sum);
    w->sum = NULL;
    an_err err = an_secure_sum_restore(&w->p, copy, len, &w->sum, why);
    free(copy);
    return err;
}

/* Any n of those that are left. */
static void lose_some(an_secure_world *w, uint32_t n)
{
    while (n > 0) {
        uint32_t i = (uint32_t)an_rng_below(&w->rng, w->p.n), left = 0;
        for (uint32_t j = 0; j < w->p.n; j++)
            left += w->sites[j] != NULL;
        if (left == 0)
            return;
        if (w->sites[i]) {
            an_secure_world_lose(w, i);
            n--;
        }
    }
}

static an_err restart_all(an_secure_world *w, an_note *why)
{
    an_err err = w->is_restarting ? an_secure_world_restart_sum(w, why) : AN_OK;
    for (uint32_t i = 0; w->is_restarting && i < w->p.n && err == AN_OK; i++)
        err = an_secure_world_restart_site(w, i, why);
    return err;
}

an_err an_secure_world_phases(an_secure_world *w, size_t first, size_t last, an_note *why)
{
    an_err err = AN_OK;
    for (size_t phase = first; phase <= last && err == AN_OK; phase++) {
        lose_some(w, w->lost[phase]);
        for (uint32_t i = 0; phase == 2 && i < w->p.n && err == AN_OK; i++)
            err = an_secure_world_mask(w, i, why);
        if (err == AN_OK)
            err = restart_all(w, why);
        for (uint32_t i = 0; i < w->p.n && err == AN_OK; i++)
            err = an_secure_world_send(w, i, why);
        if (err == AN_OK)
            err = restart_all(w, why);
        if (err == AN_OK && phase + 1 < AN_SECURE_WORLD_PHASES)
            err = an_secure_sum_close(w->sum, why);
        if (err == AN_OK)
            err = restart_all(w, why);
        for (uint32_t i = 0; phase + 1 < AN_SECURE_WORLD_PHASES && i < w->p.n && err == AN_OK; i++)
            err = an_secure_world_receive(w, i, why);
        if (err == AN_OK)
            err = restart_all(w, why);
    }
    return err;
}

an_err an_secure_world_finish(an_secure_world *w, an_note *why)
{
    an_err err = an_secure_sum_rebuild(w->sum, w->workers, why);
    if (err != AN_OK)
        return err;
    memset(w->acc, 0, w->p.dim * sizeof *w->acc);
    for (uint32_t i = 0; i < w->p.n; i++)
        if (an_secure_sum_is_in(w->sum, i))
            an_sum_add(w->acc, w->masked[i], w->p.dim);
    return an_secure_sum_unmask(w->sum, w->workers, w->acc, why);
}

an_err an_secure_world_run(an_secure_world *w, an_note *why)
{
    an_err err = an_secure_world_begin(w, why);
    if (err == AN_OK)
        err = an_secure_world_phases(w, 0, AN_SECURE_WORLD_PHASES - 1, why);
    return err == AN_OK ? an_secure_world_finish(w, why) : err;
}

bool an_secure_world_is_right(const an_secure_world *w)
{
    for (uint32_t c = 0; c < w->p.dim; c++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < w->p.n; i++)
            if (an_secure_sum_is_in(w->sum, i))
                sum += an_secure_world_value(i, c);
        if (sum != w->acc[c])
            return false;
    }
    return true;
}
