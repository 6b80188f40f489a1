/* Without -mbulk-memory, so that the header's own memcpy and the like are used. */
#define SLUICE_IMPLEMENTATION
#include "sluice.h"

static char line[4096];
static uint32_t end;

static void begin(void) { end = 0; }

static void say(const char *s) {
	while (*s && end < sizeof line - 1) line[end++] = *s++;
	line[end] = 0;
}

static void say_bytes(sluice_bytes b) {
	for (uint32_t i = 0; i < b.size && end < sizeof line - 1; i++) line[end++] = (char)b.data[i];
	line[end] = 0;
}

static void say_number(uint32_t n) {
	char digits[11], *at = digits + 10;
	*at = 0;
	do *--at = (char)('0' + n % 10);
	while (n /= 10);
	say(at);
}

/* A JSON string as a C string. */
static const char *string(sluice_json v, char room[256]) {
	int32_t n = sluice_text(v, room, 255);
	room[n < 0 ? 0 : n] = 0;
	return room;
}

static const char *configure(sluice_json settings) {
	char mode[256];
	string(sluice_get(settings, "mode"), mode);
	if (sluice_is(sluice_get(settings, "mode"), "refuse")) return "/mode: refuse is refused";
	begin();
	say("configured ");
	say(mode);
	sluice_log(SLUICE_WARN, line);
	return SLUICE_OK;
}

static const char *mask(const sluice_batch *b, sluice_edits *found) {
	for (uint32_t i = 0; i < b->cells; i++) {
		sluice_cell cell = sluice_cell_at(b, i);
		sluice_bytes v = cell.value;
		if (v.size == 0) continue;
		if (sluice_equal(v, "fail")) return "asked to fail";
		if (sluice_equal(v, "log")) sluice_log(SLUICE_INFO, "saw log");
		if (sluice_equal(v, "trap")) __builtin_trap();
		sluice_column c = sluice_column_at(b, cell.column);
		if (sluice_equal(c.name, "plain")) {
			sluice_add(found, i, 0, v.size, 1);
		} else if (sluice_equal(c.name, "erase")) {
			sluice_replace(found, i, 0, 1, 0, 0, 0);
		} else if (sluice_equal(c.name, "stand-in")) {
			uint8_t room[SLUICE_MAX_PSEUDONYM];
			int32_t n = sluice_pseudonym("word", v, room);
			if (n < 0) return "no pseudonym";
			sluice_replace(found, i, 0, v.size, 0, room, (uint32_t)n);
		} else {
			const uint32_t numbers[] = {i, b->cells, cell.column, b->columns};
			const char *const between[] = {"/", " ", "/", " "};
			begin();
			for (int k = 0; k < 4; k++) {
				say_number(numbers[k]);
				say(between[k]);
			}
			say_bytes(c.name);
			say("|");
			say_bytes(c.table);
			say("|");
			say_bytes(c.type);
			say("|");
			say_number(v.size);
			if (c.binary) say(" binary");
			if (b->window) say(" window");
			sluice_replace(found, i, 0, v.size, 0, line, end);
		}
	}
	return SLUICE_OK;
}

static const char *classify(const sluice_command *c, sluice_classification *is) {
	sluice_bytes group;
	sluice_param p;
	begin();
	say("protocol:");
	say_bytes(c->protocol);
	sluice_label(is, line);
	for (uint32_t at = 0; sluice_next_group(c, &at, &group);) {
		begin();
		say("group:");
		say_bytes(group);
		sluice_label(is, line);
	}
	if (c->text.size > 0) sluice_span(is, 0, 1, "text");
	for (uint32_t at = 0, i = 0; sluice_next_param(c, &at, &p); i++) {
		const char *how = !p.value.data ? "null" : p.binary ? "binary" : "text";
		begin();
		say("param");
		say_number(i);
		say(":");
		say(how);
		say(":");
		say_number(p.value.size);
		sluice_label(is, line);
		if (p.value.size > 0) sluice_param_span(is, i, 0, p.value.size, how);
	}
	if (sluice_true(sluice_get(sluice_get(c->facts, "flags"), "where"))) sluice_label(is, "where");
	if (sluice_has(sluice_get(c->facts, "operations"), "a\"b\\é😀")) sluice_label(is, "operation");
	int64_t risk = sluice_int(sluice_get(c->facts, "risk"));
	sluice_risk(is, 3);
	sluice_risk(is, risk < 0 ? 0 : risk > 1000 ? 1000 : (uint32_t)risk);
	char reason[256];
	if (*string(sluice_get(c->facts, "reason"), reason)) sluice_reason(is, reason);
	return SLUICE_OK;
}

static const char *trigger(const sluice_command *c, sluice_hold *hold) {
	static char approval[256], reason[256];
	if (sluice_true(sluice_get(c->decision, "fail"))) return "asked to fail";
	if (*string(sluice_get(c->decision, "approval"), approval)) hold->approval = approval;
	hold->reason = string(sluice_get(c->decision, "reason"), reason);
	return SLUICE_OK;
}

const sluice_plugin sluice_this = {
    .name = "probe",
    .version = "1.0.0",
    .description = "a \"probe\" \\ of\n\tall \x7f é 😀",
    .capabilities = (const char *const[]){"pseudonym", "log", 0},
    .kinds = (const char *const[]){"whole", "plain", 0},
    .reach = 64,
    .least = 3,
    .settings = "{\"type\": \"object\", \"properties\": {\"mode\": {\"type\": \"string\"}}}",
    .vectors = "mask\ncolumn: plain text\ntext: ‹plain abc›\n",
    .configure = configure,
    .mask = mask,
    .classify = classify,
    .trigger = trigger,
};
