/* Single predictions in ONNX Runtime, on command: the other side of a comparison.
 *
 *     bench_ort --library libonnxruntime.so.1 --model FILE --shape 1,28,28,1 [--steps 50]
 *
 * Prints "ready VERSION", then for each line it reads one number: seconds for a prediction of one row,
 * the mean of `steps` of them, in one thread.  The library is opened by its path, as the package that
 * brings it has no header: its functions are a table that only ever grows at its end, and those named
 * below have their places in all versions since 1.13.  The output is written where the call before wrote
 * it, so that nothing is allocated for it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUES_MAX 10000000u
#define DIMS_MAX 4u

enum { API = 13, WARNINGS = 2, FLOAT = 1, ALL_OPTIMIZATIONS = 99, ARENA_OF_DEVICE = 0, DEFAULT_MEMORY = 0 };

typedef void *handle;

/* The table as far as it is needed; between the brackets lies what is not. */
typedef struct functions {
    handle before[2];
    const char *(*message)(handle status);
    handle (*new_environment)(int level, const char *name, handle *ret);
    handle before_session[3];
    handle (*new_session)(handle environment, const char *path, handle options, handle *ret);
    handle before_run[1];
    handle (*run)(handle session, handle options, const char *const *in, const handle *x, size_t n_in,
                  const char *const *out, size_t n_out, handle *y);
    handle (*new_options)(handle *ret);
    handle before_optimization[12];
    handle (*set_optimization)(handle options, int level);
    handle (*set_threads)(handle options, int n);
    handle before_tensor[24];
    handle (*new_tensor)(handle memory, void *x, size_t bytes, const int64_t *dims, size_t n_dims, int type,
                         handle *ret);
    handle before_memory[19];
    handle (*cpu_memory)(int allocator, int kind, handle *ret);
} functions;

typedef struct entry {
    const functions *(*functions)(uint32_t version);
    const char *(*version)(void);
} entry;

static const functions *ort;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_ort: %s: %s\n", what, why);
    exit(1);
}

static void need(handle status, const char *what)
{
    if (status)
        fail(what, ort->message(status));
}

static const char *option(int argc, char **argv, const char *key, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], key) == 0)
            return argv[i + 1];
    return otherwise;
}

static const char *open_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (!library)
        fail(path, "cannot be opened");
    const entry *(*base)(void);
    *(void **)&base = dlsym(library, "OrtGetApiBase");
    if (!base || !(ort = base()->functions(API)))
        fail(path, "is no ONNX Runtime that has the functions needed");
    return base()->version();
}

static handle open_model(const char *path)
{
    handle environment, options, session;
    need(ort->new_environment(WARNINGS, "bench", &environment), "environment");
    need(ort->new_options(&options), "options");
    need(ort->set_threads(options, 1), "threads");
    need(ort->set_optimization(options, ALL_OPTIMIZATIONS), "optimization");
    need(ort->new_session(environment, path, options, &session), path);
    return session;
}

/* "1,28,28,1": numbers between 0 and 1 in that shape. */
static handle make_input(const char *shape)
{
    int64_t dims[DIMS_MAX];
    size_t n_dims = 0, n = 1;
    for (char *end; *shape && n_dims < DIMS_MAX; shape = *end ? end + 1 : end) {
        dims[n_dims] = strtoll(shape, &end, 10);
        if (dims[n_dims] < 1 || (size_t)dims[n_dims] > VALUES_MAX / n)
            fail(shape, "is no shape");
        n *= (size_t)dims[n_dims++];
    }
    handle memory, value;
    float *x = malloc(n * sizeof *x);
    if (!x)
        fail("input", "out of memory");
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 17) / 17.0f;
    need(ort->cpu_memory(ARENA_OF_DEVICE, DEFAULT_MEMORY, &memory), "memory");
    need(ort->new_tensor(memory, x, n * sizeof *x, dims, n_dims, FLOAT, &value), "input");
    return value;
}

int main(int argc, char **argv)
{
    char line[64];
    const char *library = option(argc, argv, "--library", NULL), *model = option(argc, argv, "--model", NULL);
    const char *shape = option(argc, argv, "--shape", NULL);
    const long steps = strtol(option(argc, argv, "--steps", "50"), NULL, 10);
    if (!library || !model || !shape || steps < 1) {
        fprintf(stderr, "usage: bench_ort --library FILE --model FILE --shape N,N,.. [--steps 50]\n");
        return 2;
    }
    const char *version = open_library(library);
    const handle session = open_model(model), x = make_input(shape);
    handle y = NULL;
    const char *const input = "input", *const output = "output"; /* as andon-lab export names them */
    need(ort->run(session, NULL, &input, &x, 1, &output, 1, &y), "first prediction");
    printf("ready %s\n", version);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const double from = now();
        for (long i = 0; i < steps; i++)
            need(ort->run(session, NULL, &input, &x, 1, &output, 1, &y), "prediction");
        printf("%.9g\n", (now() - from) / (double)steps);
        fflush(stdout);
    }
    return 0;
}
