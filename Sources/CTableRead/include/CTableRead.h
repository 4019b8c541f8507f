// Reading one row of a table without telling caches and branches which, by the vector instructions of x86-64, which GMP's
// mpn_sec_tabselect goes without there: the 32 KiB of one block of a comb take about a quarter of the time.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Copies row `index` of `rows` rows of `count` words into `result`. Every word of every row is read, in the same order
/// whatever `index` is: branches and addresses depend on `rows`, `count` and the machine alone. Only in programs for x86-64.
/// - Precondition: index < rows, and `result` does not overlap the table.
void busbar_table_read(uint64_t *result, const uint64_t *table, size_t count, size_t rows, size_t index);
