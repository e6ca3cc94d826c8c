/* The rollout machine: every transition and every rule as rows of scripts; and events at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/rollout_record.h"

#define MINUTE INT64_C(60000)
#define MONDAY INT64_C(1780272000000) /* 1 June 2026, 0:00 UTC */
#define SITES_MAX 12

/* ---- making one ---- */

typedef struct row {
    const char *name;
    const char *stages; /* sites are s0, s1, ...; @a is s0, @b is s1 and s2, @none is nobody */
    unsigned sites;
    const char *rules; /* "success=.5 error=.2 reporting=2 window=... approve=each once" */
    const char *script;
} row;

static bool in_group(void *ctx, const char *group, const char *site)
{
    (void)ctx;
    return (strcmp(group, "a") == 0 && strcmp(site, "s0") == 0) ||
           (strcmp(group, "b") == 0 && (strcmp(site, "s1") == 0 || strcmp(site, "s2") == 0));
}

/* The value behind "key=" in the rules; false: it is not there. */
static bool rule(const char *rules, const char *key, char ret[static 100])
{
    const char *at = strstr(rules, key);
    if (!at)
        return false;
    at += strlen(key);
    const size_t len = strcspn(at, "|");
    snprintf(ret, 100, "%.*s", (int)len, at);
    return true;
}

static an_rollout_rules rules_of(const char *text)
{
    char value[100];
    an_rollout_rules r = {.soak_ms = 60 * MINUTE, .deadline_ms = 600 * MINUTE, .success = 0.9, .error = 0.4};
    snprintf(r.reporting, sizeof r.reporting, "%s", rule(text, "reporting=", value) ? value : "50%");
    snprintf(r.window, sizeof r.window, "%s", rule(text, "window=", value) ? value : "");
    if (rule(text, "success=", value))
        r.success = strtod(value, NULL);
    if (rule(text, "error=", value))
        r.error = strtod(value, NULL);
    if (rule(text, "approve=", value))
        r.approve = strcmp(value, "each") == 0 ? AN_APPROVE_EACH : AN_APPROVE_FIRST;
    return r;
}

static an_rollout make(const row *w)
{
    an_rollout_site sites[SITES_MAX];
    an_rollout r;
    an_note why = {{0}};
    an_rollout_plan p = {.id = 7,
                         .campaign = 3,
                         .model = "pump",
                         .actor = "user/admin",
                         .version = {{1}},
                         .from = {{2}},
                         .at_once = strstr(w->rules, "once") != NULL,
                         .stages = w->stages,
                         .rules = rules_of(w->rules),
                         .sites = sites,
                         .n_sites = w->sites,
                         .in_group = in_group};
    for (unsigned i = 0; i < w->sites; i++) {
        sites[i] = (an_rollout_site){.connected = true, .drifting = i == 1};
        snprintf(sites[i].name, sizeof sites[i].name, "s%u", i);
    }
    if (an_rollout_open(&r, &p, MONDAY, &why) != AN_OK)
        fail_msg("%s: %s", w->name, why.text);
    return r;
}

/* ---- scripts ---- */

/* What becomes of a rollout that is stored and read again is the same rollout. */
static void check_record(const an_rollout *opened)
{
    an_rollout again;
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    an_json *o = an_rollout_body(opened);
    char *text = an_json_print(o, 0);
    assert_int_equal(an_json_parse(text, strlen(text), "record", &doc, &why), AN_OK);
    if (an_rollout_decode(an_json_root(doc), opened->model, opened->actor, opened->opened_ms, &again, &why))
        fail_msg("%s", why.text);
    assert_int_equal(again.n_targets, opened->n_targets);
    for (size_t i = 0; i < again.n_targets; i++)
        assert_int_equal(again.targets[i].stage, an_rollout_find(opened, again.targets[i].site)->stage);
    an_free(again.targets);
    again.targets = opened->targets; /* the rest is plain */
    again.cap_targets = opened->cap_targets;
    assert_string_equal(again.rules.window, opened->rules.window);
    assert_true(again.rules.success == opened->rules.success && again.rules.error == opened->rules.error);
    assert_int_equal(again.rules.approve, opened->rules.approve);
    assert_int_equal(again.n_stages, opened->n_stages);
    assert_int_equal(again.at_once, opened->at_once);
    assert_memory_equal(&again.version, &opened->version, sizeof again.version);
    assert_memory_equal(&again.from, &opened->from, sizeof again.from);
    an_json_doc_free(doc);
    an_json_free(o);
    an_free(text);
}

static bool event_of(const char *word, an_rollout_event *e)
{
    static const struct {
        const char *word;
        an_rollout_event_type type;
    } words[] = {
        {"sign", AN_ROLLOUT_EVENT_SIGNED},     {"unsign", AN_ROLLOUT_EVENT_UNSIGNED},
        {"run", AN_ROLLOUT_EVENT_RUNS},        {"left", AN_ROLLOUT_EVENT_LEFT},
        {"refuse", AN_ROLLOUT_EVENT_REFUSES},  {"fail", AN_ROLLOUT_EVENT_FAILS},
        {"join", AN_ROLLOUT_EVENT_JOINS},      {"go", AN_ROLLOUT_EVENT_GOES},
        {"approve", AN_ROLLOUT_EVENT_APPROVE}, {"pause", AN_ROLLOUT_EVENT_PAUSE},
        {"resume", AN_ROLLOUT_EVENT_RESUME},   {"retry", AN_ROLLOUT_EVENT_RETRY},
        {"abort", AN_ROLLOUT_EVENT_ABORT},     {"followed", AN_ROLLOUT_EVENT_FOLLOWED},
        {"watch", AN_ROLLOUT_EVENT_WATCHES},   {"watched", AN_ROLLOUT_EVENT_WATCHED},
    };
    const size_t len = strcspn(word, ":");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) != len || strncmp(word, words[i].word, len) != 0)
            continue;
        e->type = words[i].type;
        snprintf(e->site, sizeof e->site, "%s", word[len] ? word + len + 1 : "");
        snprintf(e->reason, sizeof e->reason, "%s",
                 e->type == AN_ROLLOUT_EVENT_FAILS ? "score worsened" : "");
        return true;
    }
    return false;
}

static bool expect(const an_rollout *r, const char *word)
{
    char state[40];
    const char *is = strchr(word, '=');
    if (word[0] == '=') {
        snprintf(state, sizeof state, "%s%s%s", an_rollout_state_name(r->state), r->wait ? "/" : "",
                 r->wait ? an_rollout_wait_name(r->wait) : "");
        return strcmp(word + 1, state) == 0;
    }
    if (strncmp(word, "stage=", 6) == 0)
        return r->stage == strtoul(word + 6, NULL, 10);
    if (strncmp(word, "owed=", 5) == 0)
        return an_rollout_owed(r) == strtoul(word + 5, NULL, 10);
    snprintf(state, sizeof state, "%.*s", (int)(is - word), word);
    const an_target *t = an_rollout_find(r, state);
    return t && strcmp(an_target_state_name(t->state), is + 1) == 0;
}

static void play(const row *w)
{
    char script[1000], *save = script;
    int64_t now = MONDAY;
    uint64_t counter = 4;
    an_rollout r = make(w);
    check_record(&r);
    an_rollout_step(&r, &(an_rollout_event){.type = AN_ROLLOUT_EVENT_TIME, .now_ms = now});
    snprintf(script, sizeof script, "%s", w->script);
    for (char *word = strtok_r(script, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        an_rollout_event e = {.type = AN_ROLLOUT_EVENT_TIME};
        if (word[0] == '+') {
            now += strtol(word + 1, NULL, 10) * MINUTE;
        } else if (strchr(word, '=')) {
            if (!expect(&r, word)) {
                an_note is;
                an_rollout_waiting(&r, now, &is);
                fail_msg("%s: %s does not hold: %s/%s, %s", w->name, word, an_rollout_state_name(r.state),
                         an_rollout_wait_name(r.wait), is.text);
            }
            continue;
        } else if (!event_of(word, &e)) {
            fail_msg("%s: no event %s", w->name, word);
        }
        e.now_ms = now;
        e.counter = e.type == AN_ROLLOUT_EVENT_SIGNED ? ++counter : 0;
        an_rollout_step(&r, &e);
    }
    if (an_rollout_is_over(&r) && !r.reason[0])
        fail_msg("%s: it ended without a reason", w->name);
    an_rollout_done(&r);
}

/* clang-format off */
static const row rows[] = {
    /* the way of a good version */
    {"canary, then the rest", "@a, all", 3, "",
     "=WAITING/signature owed=1 s0=PENDING sign =RUNNING s0=TOLD s1=PENDING run:s0 s0=RUNNING +59 =RUNNING +1 "
     "s0=FINE stage=1 s1=TOLD run:s1 run:s2 +60 =DONE owed=10"},
    {"three stages", "@a, @b, all", 4, "",
     "sign run:s0 +60 stage=1 s1=TOLD s2=TOLD s3=PENDING run:s1 run:s2 +60 stage=2 run:s3 +60 =DONE"},
    {"a site that runs it before its stage is not heard", "@a, all", 2, "",
     "sign run:s1 s1=PENDING run:s0 +60 s1=TOLD run:s1 +60 =DONE"},
    {"the drifting site first", "drifting, all", 3, "", "sign s1=TOLD s0=PENDING s2=PENDING"},
    {"an empty group is no stage", "@none, all", 2, "", "sign stage=0 s0=TOLD s1=TOLD"},
    {"a stage that soaks a moment longer for who came last", "@b, all", 3, "",
     "sign run:s1 +30 run:s2 +30 s1=FINE s2=RUNNING stage=0 +30 stage=1"},
    /* at once */
    {"all at once is production's at once", "all", 2, "", "owed=1 sign =RUNNING owed=2 run:s0 run:s1 +60 =DONE"},
    {"at once whatever the stages say", "@a, all", 2, "once", "sign s0=TOLD s1=TOLD owed=2"},
    {"at once ends at its deadline however few there are", "all", 3, "reporting=100%", "sign +600 =DONE s0=ABSENT"},
    {"at once is not paused", "all", 2, "", "sign pause =RUNNING"},
    {"at once goes back when it is bad", "all", 2, "", "sign run:s0 run:s1 fail:s0 =ROLLED_BACK owed=12"},
    {"at once is followed by another one", "all", 2, "", "sign followed =DONE"},
    {"stages are not", "@a, all", 2, "", "sign followed =RUNNING"},
    /* errors */
    {"a canary that fails takes it back", "@a, all", 5, "", "sign run:s0 +10 fail:s0 =ROLLED_BACK owed=12 s1=PENDING"},
    {"it has reached nobody: nothing to take back", "@a, all", 2, "", "abort =ABORTED owed=8"},
    {"a failure before it runs counts, too", "@a, all", 5, "", "sign fail:s0 =ROLLED_BACK"},
    {"exactly the threshold is borne, more is not", "@b, all", 3, "error=.5|success=0",
     "sign run:s1 run:s2 fail:s1 =RUNNING fail:s2 =ROLLED_BACK"},
    {"no error is borne", "all", 12, "error=0", "sign run:s0 fail:s0 =ROLLED_BACK"},
    {"all are borne", "@b, all", 3, "error=1|success=0", "sign fail:s1 fail:s2 stage=1 =RUNNING"},
    {"a canary that worsens between stages is not outweighed by who has nothing", "@a, all", 9, "approve=each",
     "sign approve run:s0 +60 =WAITING/approval s0=FINE fail:s0 =ROLLED_BACK"},
    {"a fine site of an earlier stage that fails counts now", "@a, all", 3, "error=.5",
     "sign run:s0 +60 stage=1 run:s1 run:s2 fail:s0 =RUNNING fail:s1 =ROLLED_BACK"},
    {"in a pause, too", "@b, all", 3, "", "sign run:s1 pause fail:s1 =ROLLED_BACK"},
    {"a refusal may pass before the deadline", "@a, all", 2, "", "sign refuse:s0 =RUNNING s0=TOLD run:s0 +60 stage=1"},
    {"a refusal that lasts is a failure", "@a, all", 5, "", "sign refuse:s0 +600 =ROLLED_BACK"},
    {"one that failed and runs after all", "@b, all", 3, "error=.6|success=1",
     "sign run:s1 fail:s1 run:s1 run:s2 +60 stage=1"},
    /* success */
    {"too few are fine: a pause", "@b, all", 3, "error=.5", "sign run:s1 fail:s2 +60 =PAUSED stage=0 s0=PENDING"},
    {"enough are fine", "@b, all", 3, "error=.5|success=.5", "sign run:s1 fail:s2 +60 =RUNNING stage=1"},
    {"a person goes on all the same", "@b, all", 3, "error=.5", "sign run:s1 fail:s2 +60 =PAUSED approve =RUNNING stage=1"},
    {"a resume alone changes nothing of it", "@b, all", 3, "error=.5", "sign run:s1 fail:s2 +60 resume =PAUSED stage=0"},
    {"failed sites are told again, by another statement", "@b, all", 3, "error=.5",
     "sign run:s1 fail:s2 +60 =PAUSED retry =WAITING/signature s2=TOLD sign =RUNNING run:s2 +60 stage=1"},
    {"a retry without a failure is none", "@b, all", 3, "", "sign retry =RUNNING"},
    /* sites that are away */
    {"with enough that report the deadline passes, and the others get it later", "@b, all", 4, "",
     "sign run:s1 +60 s1=FINE =RUNNING +540 s2=ABSENT stage=1 run:s2 s2=RUNNING run:s0 run:s3 +60 =DONE s2=FINE"},
    {"with too few it pauses", "@b, all", 4, "reporting=100%", "sign run:s1 +600 =PAUSED s2=ABSENT s1=FINE stage=0"},
    {"and waits again when a person says so", "@b, all", 4, "reporting=100%",
     "sign run:s1 +600 =PAUSED resume =RUNNING s2=TOLD run:s2 +60 stage=1"},
    {"or goes on without them", "@b, all", 4, "reporting=100%", "sign run:s1 +600 =PAUSED approve =RUNNING stage=1"},
    {"a number that must report", "@b, all", 4, "reporting=2", "sign run:s1 +600 =PAUSED"},
    {"nobody reports", "@b, all", 4, "", "sign +600 =PAUSED"},
    {"absent sites do not end it at the last stage", "@a, all", 4, "",
     "sign run:s0 +60 run:s1 run:s2 +600 =DONE s3=ABSENT"},
    {"who comes after the deadline does not hold the stage up", "@b, all", 3, "reporting=1",
     "sign run:s1 +599 s1=FINE left:s1 +1 s1=ABSENT =PAUSED"},
    {"one that soaks at the deadline is waited for", "@b, all", 3, "", "sign run:s1 +590 run:s2 +10 =RUNNING +50 stage=1"},
    /* sites that hold it against the version before */
    {"who has not decided is waited for", "@a, all", 2, "",
     "sign run:s0 watch:s0 +60 s0=RUNNING stage=0 +100 watched:s0 s0=FINE stage=1"},
    {"... but not beyond the deadline", "@a, all", 2, "",
     "sign run:s0 watch:s0 +599 s0=RUNNING =RUNNING +1 s0=FINE stage=1"},
    {"who decides before the end of the soak soaks on", "@a, all", 2, "",
     "sign run:s0 watch:s0 +30 watched:s0 s0=RUNNING +29 stage=0 +1 stage=1"},
    {"who finds it worse after the soak has it taken back", "@a, all", 2, "",
     "sign run:s0 watch:s0 +100 fail:s0 s0=FAILED =ROLLED_BACK"},
    {"another start is watched anew", "@a, all", 2, "",
     "sign run:s0 watch:s0 left:s0 s0=TOLD run:s0 +60 s0=FINE stage=1"},
    /* sites that come and go */
    {"who joins belongs to the last stage", "@a, all", 2, "",
     "sign join:s9 s9=PENDING run:s0 +60 s9=TOLD run:s9 run:s1 +60 =DONE"},
    {"who joins at the last stage is told", "@a, all", 2, "", "sign run:s0 +60 stage=1 join:s9 s9=TOLD"},
    {"who goes is not waited for", "@b, all", 3, "", "sign go:s1 s1=GONE run:s2 +60 stage=1 run:s0 +60 =DONE"},
    {"a stage whose sites have all gone does not pass by itself", "@b, all", 4, "",
     "sign go:s1 go:s2 =PAUSED stage=0 s0=PENDING +900 =PAUSED approve =RUNNING stage=1 s0=TOLD"},
    {"nor the last one", "@a, all", 2, "", "sign run:s0 +60 go:s1 =PAUSED stage=1 approve =DONE"},
    {"who comes back to it is waited for", "@a, all", 2, "",
     "sign go:s0 =PAUSED join:s0 s0=TOLD resume =RUNNING run:s0 +60 stage=1"},
    {"who comes back has its old place", "@a, all", 3, "", "sign go:s1 run:s0 +60 join:s1 s1=TOLD"},
    {"who loses it gets it again", "@a, all", 2, "", "sign run:s0 +30 left:s0 s0=TOLD +30 =RUNNING run:s0 +60 stage=1"},
    /* people */
    {"each stage waits for approval", "@a, all", 2, "approve=each",
     "=WAITING/approval owed=0 approve =WAITING/signature sign =RUNNING run:s0 +60 =WAITING/approval s1=PENDING approve "
     "s1=TOLD =RUNNING"},
    {"the first stage waits for approval", "@a, all", 2, "approve=first",
     "=WAITING/approval approve =WAITING/signature sign run:s0 +60 =RUNNING stage=1"},
    {"approval is of the next stage alone", "@a, all", 2, "", "sign approve =RUNNING stage=0 run:s0 +60 stage=1"},
    {"a pause holds the deadline", "@b, all", 3, "", "sign run:s1 +300 pause =PAUSED +600 =PAUSED s2=TOLD resume =RUNNING "
     "s2=TOLD +299 s2=TOLD +1 s2=ABSENT"},
    {"soaking goes on in a pause, the next stage does not", "@a, all", 2, "", "sign run:s0 pause +60 s0=FINE stage=0 "
     "resume stage=1"},
    {"a pause before it begins", "@a, all", 2, "", "pause =PAUSED owed=0 sign =PAUSED s0=PENDING resume =RUNNING s0=TOLD"},
    {"a person takes it back", "@a, all", 2, "", "sign run:s0 abort =ABORTED owed=12"},
    {"what is over stays over", "@a, all", 2, "", "sign abort sign run:s0 approve resume retry +600 =ABORTED s1=PENDING"},
    /* signatures */
    {"a statement that holds no longer is asked for again", "@a, all", 2, "",
     "sign run:s0 unsign =WAITING/signature owed=1 s0=RUNNING sign =RUNNING +60 stage=1"},
    {"also in a pause", "@a, all", 2, "", "sign run:s0 pause unsign =PAUSED resume =WAITING/signature"},
    /* windows: Monday 0:00 */
    {"outside the window nobody begins", "@a, all", 2, "window=Mon 01:00-02:00; Tue 01:00-02:00 UTC",
     "sign =WAITING/window s0=PENDING +59 =WAITING/window +1 =RUNNING s0=TOLD run:s0 +60 s0=FINE =WAITING/window "
     "s1=PENDING +1380 =RUNNING s1=TOLD"},
    {"the window's zone is heard", "@a, all", 2, "window=Mon 01:00-02:00 UTC+1", "sign =RUNNING"},
};
/* clang-format on */

static void a_rollout_does_what_its_rows_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        play(&rows[i]);
}

/* ---- stages ---- */

static unsigned of_stage(const an_rollout *r, uint32_t stage)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->n_targets; i++)
        n += r->targets[i].stage == stage;
    return n;
}

static void stages_count_the_sites_that_have_it_by_then(void **state)
{
    (void)state;
    static const struct {
        const char *stages;
        unsigned sites, n, each[4];
    } cases[] = {
        {"2, 25%, all", 12, 3, {2, 1, 9}},
        {"1, 50%, 100%", 4, 3, {1, 1, 2}},
        {"5", 3, 1, {3}},
        {"10%, @b, all", 10, 3, {1, 2, 7}},
        {"all", 6, 1, {6}},
        {"", 6, 1, {6}},
        {"25%, 25%, all", 4, 2, {1, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const row w = {
            .name = cases[i].stages, .stages = cases[i].stages, .sites = cases[i].sites, .rules = ""};
        an_rollout r = make(&w);
        unsigned all = 0;
        for (uint32_t k = 0; k < r.n_stages; k++)
            all += of_stage(&r, k);
        assert_int_equal(all, cases[i].sites);
        assert_int_equal(r.n_stages, cases[i].n);
        for (uint32_t k = 0; k < r.n_stages && strcmp(cases[i].stages, "10%, @b, all") != 0; k++)
            if (of_stage(&r, k) != cases[i].each[k])
                fail_msg("%s: stage %u has %u", cases[i].stages, k, of_stage(&r, k));
        an_rollout_done(&r);
    }
}

static void texts_that_are_no_stages_or_shares_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"0",
                                        "-1",
                                        "1.5",
                                        "0%",
                                        "101%",
                                        "all, 2",
                                        "2,, all",
                                        "@",
                                        "@a b",
                                        "some",
                                        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};
    an_stage_spec specs[AN_STAGES_MAX];
    an_share share;
    size_t n;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_note why = {{0}};
        if (an_stages_parse(wrong[i], specs, &n, &why) != AN_ERR_INVAL || !why.text[0])
            fail_msg("\"%s\" was taken", wrong[i]);
    }
    assert_int_equal(an_share_parse("50", &share, NULL), AN_OK);
    assert_int_equal(an_share_of(&share, 3), 3);
    assert_int_equal(an_share_parse("33%", &share, NULL), AN_OK);
    assert_int_equal(an_share_of(&share, 100), 33);
    assert_int_equal(an_share_of(&share, 4), 2);
    assert_int_equal(an_share_of(&share, 0), 0);
    assert_int_equal(an_share_parse("", &share, NULL), AN_ERR_INVAL);
    assert_int_equal(an_share_parse("%", &share, NULL), AN_ERR_INVAL);
}

static void connected_sites_come_first_where_a_stage_takes_so_many(void **state)
{
    (void)state;
    for (uint64_t id = 1; id < 40; id++) {
        an_rollout_site sites[6];
        an_rollout r;
        for (unsigned i = 0; i < 6; i++) {
            sites[i] = (an_rollout_site){.connected = i == 4};
            snprintf(sites[i].name, sizeof sites[i].name, "s%u", i);
        }
        const an_rollout_plan p = {.id = id,
                                   .model = "pump",
                                   .actor = "coordinator",
                                   .version = {{1}},
                                   .stages = "1, all",
                                   .rules = rules_of(""),
                                   .sites = sites,
                                   .n_sites = 6};
        assert_int_equal(an_rollout_open(&r, &p, 0, NULL), AN_OK);
        assert_int_equal(an_rollout_find(&r, "s4")->stage, 0);
        an_rollout_done(&r);
    }
}

/* ---- events at random ---- */

static an_rollout_event random_event(uint64_t *x, int64_t *now, uint64_t *counter)
{
    an_rollout_event e = {.type = (an_rollout_event_type)(an_mix64((*x)++) % AN_ROLLOUT_EVENTS)};
    const uint64_t draw = an_mix64((*x)++);
    if (e.type == AN_ROLLOUT_EVENT_ABORT && draw % 8) /* or none would live long */
        e.type = AN_ROLLOUT_EVENT_RUNS;
    if (e.type == AN_ROLLOUT_EVENT_FAILS && draw % 3)
        e.type = AN_ROLLOUT_EVENT_RUNS;
    *now += (int64_t)(draw >> 8) % (90 * MINUTE);
    e.now_ms = *now;
    snprintf(e.site, sizeof e.site, "s%u", (unsigned)(draw % 10));
    snprintf(e.reason, sizeof e.reason, "reason %u", (unsigned)(draw % 5));
    if (e.type == AN_ROLLOUT_EVENT_SIGNED)
        e.counter = ++*counter;
    return e;
}

static void check_always(const an_rollout *before, const an_rollout *r, int64_t now, bool changed)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        const an_target *t = &r->targets[i];
        const an_target *was = an_rollout_find(before, t->site);
        for (size_t k = 0; k < i; k++) /* one version is desired of a site */
            assert_string_not_equal(t->site, r->targets[k].site);
        if (t->state != AN_TARGET_PENDING && t->state != AN_TARGET_GONE)
            assert_true(t->stage < r->stage || (t->stage == r->stage && r->stage_open));
        if (t->reached && !(was && was->reached) && t->stage == r->stage && r->stage > before->stage)
            assert_true(r->signed_ && an_calendar_open(&r->window, now));
    }
    assert_true(r->stage < r->n_stages && r->stage >= before->stage);
    if (r->stage > before->stage) { /* stage by stage, and never with a failure too many */
        const an_rollout_figures f = an_rollout_count(r, UINT32_MAX);
        assert_true(f.failed <= r->rules.error * (f.told + f.running + f.fine + f.failed) + 1e-9);
    }
    if (!changed) {
        assert_int_equal(r->state, before->state);
        assert_int_equal(r->stage, before->stage);
    }
    if (an_rollout_is_over(r)) {
        assert_true(r->reason[0] != '\0');
        assert_true(an_rollout_owed(r) & AN_ROLLOUT_SETTLE);
        if (r->state != AN_ROLLOUT_DONE && an_rollout_reached_any(r))
            assert_true(an_rollout_owed(r) & AN_ROLLOUT_RETURN);
    }
    assert_false(an_rollout_may_tell(r, now) && an_rollout_is_over(r));
}

/* What was stored and read again does the same. */
static void step_twice(an_rollout *r, an_rollout *twin, const an_rollout_event *e)
{
    an_rollout before;
    an_rollout_event again;
    an_json_doc *doc;
    assert_int_equal(an_rollout_copy(&before, r), AN_OK);
    const bool changed = an_rollout_step(r, e);
    check_always(&before, r, e->now_ms, changed);
    if (changed) {
        an_json *o = an_rollout_event_body(r->id, e);
        char *text = an_json_print(o, 0);
        assert_int_equal(an_json_parse(text, strlen(text), "event", &doc, NULL), AN_OK);
        assert_int_equal(an_rollout_event_decode(an_json_root(doc), &again, NULL), AN_OK);
        assert_true(an_rollout_step(twin, &again));
        an_json_doc_free(doc);
        an_json_free(o);
        an_free(text);
    }
    assert_int_equal(r->n_targets, twin->n_targets);
    assert_memory_equal(r->targets, twin->targets, r->n_targets * sizeof *r->targets);
    assert_string_equal(r->reason, twin->reason);
    assert_true(r->state == twin->state && r->wait == twin->wait && r->deadline_ms == twin->deadline_ms);
    an_rollout_done(&before);
}

static void whatever_happens_it_ends_with_a_reason_and_tells_nobody_too_early(void **state)
{
    (void)state;
    static const char *const stages[] = {"all", "@a, all", "1, 50%, all", "@b, 3, 80%, all"};
    static const char *const rules[] = {"",
                                        "error=0",
                                        "approve=each",
                                        "window=Mon-Fri 01:00-05:00",
                                        "once",
                                        "reporting=100%|success=1",
                                        "error=1|success=0"};
    unsigned ends[3] = {0};
    for (uint64_t seed = 0; seed < 1500; seed++) {
        const row w = {.name = "random",
                       .stages = stages[seed % 4],
                       .sites = 1 + (unsigned)(seed % 9),
                       .rules = rules[seed % 7]};
        an_rollout r = make(&w), twin = make(&w);
        uint64_t x = seed << 20, counter = 0;
        int64_t now = MONDAY;
        for (unsigned i = 0; i < 120 && !an_rollout_is_over(&r); i++) {
            const an_rollout_event e = random_event(&x, &now, &counter);
            step_twice(&r, &twin, &e);
        }
        /* Left alone it needs no more than time, a signature and a person who says yes. */
        for (unsigned i = 0; i < 60 && !an_rollout_is_over(&r); i++) {
            an_rollout_event e = {.type = AN_ROLLOUT_EVENT_TIME};
            const int64_t next = an_rollout_deadline(&r, now);
            if (r.wait == AN_ROLLOUT_FOR_SIGNATURE)
                e = (an_rollout_event){.type = AN_ROLLOUT_EVENT_SIGNED, .counter = ++counter};
            else if (r.wait == AN_ROLLOUT_FOR_APPROVAL || r.judged)
                e.type = AN_ROLLOUT_EVENT_APPROVE;
            else if (r.state == AN_ROLLOUT_PAUSED)
                e.type = AN_ROLLOUT_EVENT_RESUME;
            else
                assert_true(next < INT64_MAX);
            if (e.type == AN_ROLLOUT_EVENT_TIME)
                now = next > now ? next : now;
            e.now_ms = now;
            step_twice(&r, &twin, &e);
        }
        assert_true(an_rollout_is_over(&r));
        ends[r.state - AN_ROLLOUT_DONE]++;
        an_rollout_done(&r);
        an_rollout_done(&twin);
    }
    assert_true(ends[0] > 50 && ends[1] > 50 && ends[2] > 50);
}

static void without_memory_nothing_is_opened_and_nobody_joins(void **state)
{
    (void)state;
    an_rollout_site site = {.name = "s0"};
    an_rollout r = {.id = 0};
    const an_rollout_plan p = {.id = 1,
                               .model = "pump",
                               .actor = "coordinator",
                               .version = {{1}},
                               .stages = "all",
                               .rules = rules_of(""),
                               .sites = &site,
                               .n_sites = 1};
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_mem_fail_after(n);
        err = an_rollout_open(&r, &p, 0, NULL);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
    an_rollout_event e = {.type = AN_ROLLOUT_EVENT_JOINS, .site = "s1"};
    while (r.n_targets < r.cap_targets) {
        snprintf(e.site, sizeof e.site, "t%zu", r.n_targets);
        assert_true(an_rollout_step(&r, &e));
    }
    const size_t before = r.n_targets;
    snprintf(e.site, sizeof e.site, "last");
    an_mem_fail_after(0);
    assert_int_equal(an_rollout_reserve(&r), AN_ERR_NOMEM);
    an_rollout_step(&r, &e);
    an_mem_fail_never();
    assert_int_equal(r.n_targets, before);
    assert_true(an_rollout_step(&r, &e));
    an_rollout_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollout_does_what_its_rows_say),
        cmocka_unit_test(stages_count_the_sites_that_have_it_by_then),
        cmocka_unit_test(texts_that_are_no_stages_or_shares_are_refused),
        cmocka_unit_test(connected_sites_come_first_where_a_stage_takes_so_many),
        cmocka_unit_test(whatever_happens_it_ends_with_a_reason_and_tells_nobody_too_early),
        cmocka_unit_test(without_memory_nothing_is_opened_and_nobody_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
