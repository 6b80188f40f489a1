/* The my-plugin plugin finds a code name in values. */
#define SLUICE_IMPLEMENTATION
#include "sluice.h"

enum { CODENAME, LONGEST = 256 /* 64 characters */ };

static uint8_t word[LONGEST];
static uint32_t length;

static const char *configure(sluice_json settings) {
	sluice_json given = sluice_get(settings, "word");
	int32_t n = 0;
	if (given.data) n = sluice_text(given, word, LONGEST);
	else for (const char *s = "Bluebird"; s[n]; n++) word[n] = (uint8_t)s[n];
	if (n < 0) return "/word: too long";
	length = (uint32_t)n;
	return SLUICE_OK;
}

SLUICE_APART static bool is_at(sluice_bytes v, uint32_t at) {
	if (length > v.size - at) return false;
	for (uint32_t i = 0; i < length; i++)
		if (v.data[at + i] != word[i]) return false;
	return true;
}

static const char *mask(const sluice_batch *batch, sluice_edits *found) {
	for (uint32_t cell = 0; cell < batch->cells; cell++) {
		sluice_bytes v = sluice_cell_at(batch, cell).value;
		for (uint32_t at = 0; at < v.size;) {
			if (v.data[at] == word[0] && is_at(v, at)) {
				sluice_add(found, cell, at, at + length, CODENAME);
				at += length;
			} else {
				at++;
			}
		}
	}
	return SLUICE_OK;
}

SLUICE_FILE(vectors, "vectors.txt");

const sluice_plugin sluice_this = {
    .name = "my-plugin",
    .version = "0.1.0",
    .description = "finds a code name",
    .kinds = (const char *const[]){"codename", 0},
    .reach = LONGEST,
    .settings = "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
                "\"word\": {\"description\": \"what to look for; Bluebird if absent\","
                " \"type\": \"string\", \"minLength\": 3, \"maxLength\": 64}}}",
    .vectors = vectors,
    .configure = configure,
    .mask = mask,
    /* .classify: labels, risk and reason of a command; .trigger: asks that somebody approves it. */
};
