/* The badge plugin: staff badges in values, reads of all of them, and deletes that somebody has to approve. */
#define SLUICE_IMPLEMENTATION
#include "sluice.h"

enum { BADGE, DIGITS = 6, LONGEST_PREFIX = 8 };

static char prefix[LONGEST_PREFIX + 1]; /* and the “-” behind it */
static uint32_t length;

static const char *configure(sluice_json settings) {
	sluice_json given = sluice_get(settings, "prefix");
	int32_t n = 3;
	prefix[0] = 'B', prefix[1] = 'D', prefix[2] = 'G';
	if (given.data) n = sluice_text(given, prefix, LONGEST_PREFIX);
	if (n < 0) return "/prefix: too long";
	prefix[n] = '-';
	length = (uint32_t)n + 1;
	return SLUICE_OK;
}

static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool letter(uint8_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static bool alphanumeric(uint8_t c) { return digit(c) || letter(c); }

/* The prefix, “-” and six digits, the last of which is the sum of the others mod 10, and no letter or digit around. */
SLUICE_APART static bool badge(sluice_bytes v, uint32_t at) {
	uint32_t end = at + length + DIGITS, sum = 0;
	if (end > v.size) return false;
	for (uint32_t i = 0; i < length; i++)
		if (v.data[at + i] != (uint8_t)prefix[i]) return false;
	for (uint32_t i = end - DIGITS; i < end; i++) {
		if (!digit(v.data[i])) return false;
		if (i < end - 1) sum += v.data[i] - '0';
	}
	return sum % 10 == (uint32_t)(v.data[end - 1] - '0') && (at == 0 || !alphanumeric(v.data[at - 1])) &&
	       (end == v.size || !alphanumeric(v.data[end]));
}

static const char *mask(const sluice_batch *batch, sluice_edits *found) {
	for (uint32_t cell = 0; cell < batch->cells; cell++) {
		sluice_bytes v = sluice_cell_at(batch, cell).value;
		for (uint32_t at = 0; at < v.size;) {
			if (v.data[at] == (uint8_t)prefix[0] && badge(v, at)) {
				uint32_t end = at + length + DIGITS;
				sluice_add(found, cell, at, end, BADGE);
				at = end;
			} else {
				at++;
			}
		}
	}
	return SLUICE_OK;
}

/* A word of a text in any case of letters; words are of letters, digits, “_” and what is not ASCII. */
static bool has_word(sluice_bytes text, const char *word) {
	uint32_t same = 0; /* letters of word that the word at hand begins with */
	bool other = false;
	for (uint32_t i = 0; i <= text.size; i++) {
		uint8_t c = i < text.size ? text.data[i] : ' ';
		if (!alphanumeric(c) && c != '_' && c < 0x80) {
			if (!other && same > 0 && !word[same]) return true;
			same = 0;
			other = false;
		} else if (!other && word[same] && (letter(c) ? c | 0x20 : c) == (uint8_t)word[same]) {
			same++;
		} else {
			other = true;
		}
	}
	return false;
}

static const char *classify(const sluice_command *command, sluice_classification *is) {
	bool sql = sluice_equal(command->protocol, "postgres") || sluice_equal(command->protocol, "mysql");
	if (sql && has_word(command->text, "badges") && !has_word(command->text, "where")) {
		sluice_label(is, "bulk-badges");
		sluice_risk(is, 60);
		sluice_reason(is, "the table badges without WHERE");
	}
	return SLUICE_OK;
}

static const char *trigger(const sluice_command *command, sluice_hold *hold) {
	bool allowed = sluice_is(sluice_get(command->decision, "verdict"), "allow");
	if (allowed && sluice_has(sluice_get(command->facts, "operations"), "delete")) {
		hold->approval = "change";
		hold->reason = "a delete";
	}
	return SLUICE_OK;
}

SLUICE_FILE(vectors, "vectors.txt");

const sluice_plugin sluice_this = {
    .name = "badge",
    .version = "1.0.0",
    .description = "finds staff badges (BDG-123455, check digit), labels bulk reads of the table badges, holds deletes",
    .kinds = (const char *const[]){"badge", 0},
    .reach = 16,
    .settings = "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
                "\"prefix\": {\"description\": \"what badges begin with; BDG if absent\","
                " \"type\": \"string\", \"pattern\": \"^[A-Z]{1,8}$\"}}}",
    .vectors = vectors,
    .configure = configure,
    .mask = mask,
    .classify = classify,
    .trigger = trigger,
};
