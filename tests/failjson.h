/*
 * failjson.h - make the n-th call into json-c that allocates fail.
 *
 * json-c allocates inside its shared library, where failmalloc.h does not reach. Link with
 * failjson.c and $(failjson_ldflags); used like failmalloc.h.
 */
#ifndef TESTS_FAILJSON_H
#define TESTS_FAILJSON_H

#include <stdbool.h>

void failjson_after(unsigned n); /* the n-th call from now (1 = the next) fails, later ones succeed */
bool failjson_stop(void); /* back to normal; whether one did fail */

#endif
