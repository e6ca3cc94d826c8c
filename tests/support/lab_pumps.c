#include "tests/support/lab_pumps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

const char an_lab_pumps_arch[] = "model: small\n"
                                 "input: {features: input, window: 2}\n"
                                 "layers:\n"
                                 "  - flatten\n"
                                 "  - dense: {units: 8}\n"
                                 "  - relu\n"
                                 "  - dense: {units: input}\n"
                                 "loss: mse\n"
                                 "target: input\n";

an_lab_pumps *an_lab_pumps_new(size_t n, size_t rows)
{
    an_note why = {{0}};
    const an_sim_conf sim = {.line = "pump", .seed = 5};
    const an_lab_cut_opts cut = {.context = AN_LAB_PUMPS_WINDOW, .stride = 2, .holdout = 0.25, .keep = 1};
    an_lab_pumps *p = an_alloc(1, sizeof *p);
    assert_non_null(p);
    assert_true(n <= AN_LAB_PUMPS_MAX);
    assert_int_equal(an_lab_data_simulate(&sim, n, rows, &p->data, &why), AN_OK);
    p->n = n;
    p->calibrate = an_calibrate_defaults();
    p->calibrate.site_scaler = true;
    p->calibrate.alarm_share_max = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(an_lab_cut_new(&p->data, i, SIZE_MAX, &cut, &p->cuts[i], &why), AN_OK);
        p->sites[i] = (an_federation_site){
            .name = p->data.sites[i].name, .data = &p->cuts[i].data, .calibrate = &p->calibrate};
    }
    return p;
}

void an_lab_pumps_free(an_lab_pumps *p)
{
    for (size_t i = 0; i < p->n; i++)
        an_lab_cut_done(&p->cuts[i]);
    an_lab_data_done(&p->data);
    an_free(p);
}
