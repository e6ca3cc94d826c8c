/* Tables come from whatever a plant exports: the first byte chooses the options, and the same
 * bytes in pieces must give as many rows as at once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/data/opc_quality.h"
#include "models/data/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t rows_in_pieces(const an_table_conf *conf, const uint8_t *data, size_t size, size_t piece)
{
    an_table_reader *r = NULL;
    an_table_row row;
    uint64_t rows = 0;
    if (an_table_reader_new(conf, &r, NULL) != AN_OK)
        return 0;
    for (size_t at = 0;; at += piece) {
        size_t left = at < size ? size - at : 0;
        if (left == 0)
            an_table_end(r);
        else if (an_table_feed(r, data + at, left < piece ? left : piece) != AN_OK)
            abort();
        while (an_table_next(r, &row, NULL) == AN_OK) {
            for (size_t i = 0; i < an_table_width(r); i++)
                if (row.values[i] - row.values[i] > 0.0f || row.quality[i] > AN_OPC_BAD ||
                    (row.quality[i] == AN_OPC_BAD && row.values[i] == row.values[i]))
                    abort();
            if (row.end > size || row.header_at > row.end || strlen(row.part) > size)
                abort();
            rows++;
        }
        if (left == 0)
            break;
    }
    const an_table_stats *stats = an_table_stats_get(r);
    if (stats->n_rows != rows || stats->n_rows + stats->n_bad > stats->n_lines)
        abort();
    an_table_reader_free(r);
    return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {0, ',', ';', ' '};
    if (size == 0)
        return 0;
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.delimiter = delimiters[data[0] & 3];
    conf.header = (an_table_header)((data[0] >> 2 & 3) % 3);
    conf.decimal_comma = (data[0] >> 4 & 1) && conf.delimiter != ',';
    conf.label_column = data[0] >> 5 & 1 ? "label" : NULL;
    conf.tolerant = data[0] >> 6 & 1;
    conf.quality_suffix = data[0] >> 7 & 1 ? "_q" : NULL;
    if (rows_in_pieces(&conf, data + 1, size - 1, size) != rows_in_pieces(&conf, data + 1, size - 1, 7))
        abort();
    an_table t;
    if (an_table_parse(data + 1, size - 1, &conf, &t, NULL) == AN_OK)
        an_table_done(&t);
    return 0;
}
