/* SPDX-License-Identifier: BSD-2-Clause */
/* The hardware check's report, see report.h. */
#include "hv/report.h"

#include <arch/console.h>

#include "boot/start.h"
#include "hv/base/fmt.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/core.h"
#include "hv/ctl.h"
#include "hv/uplink.h"
#include "hv/vm.h"

#define NS_PER_S 1000000000ull
#define LOOK_NS (NS_PER_S / 4)
#define PATIENCE_NS (300 * NS_PER_S)
#define ADDRESS_NS (20 * NS_PER_S)
#define PAGE_NS (10 * NS_PER_S)
#define PAGE_ROWS 23 /* and a line that says which page it is; 25 are on a VGA screen */
#define PAGE_COLS 79
#define TEXT_BYTES (128u * 1024)

static struct {
	const char *vm;
	u64 begin_ns;
	struct timer timer;
	char *text; /* TEXT_BYTES, once it is made */
	size_t len;
	size_t at; /* where the next page begins */
	u32 page;
} report;

/* --- what is in it ---------------------------------------------------------------- */

static void part(const struct out *out, const char *statement)
{
	const struct lang_source src = { .file = "report", .terminal = true };
	char message[LANG_MESSAGE_MAX];

	out_printf(out, "\n--- %s\n", statement);
	if (ctl_line(&src, statement, strlen(statement), out, message))
		out_printf(out, "%s\n", message);
}

static void write_report(const struct out *out)
{
	static const char *const statements[] = { "show boot", "show hardware", "show uplink" };
	char console[sizeof("console log ") + VM_NAME_MAX];

	out_printf(out, "=== hardware report of Caisson %s\n", boot_version);
	for (u32 i = 0; i < ARRAY_SIZE(statements); i++)
		part(out, statements[i]);
	if (report.vm) {
		fmt_snprintf(console, sizeof(console), "console log %s", report.vm);
		part(out, console);
	}
	part(out, "show log");
	out_printf(out, "=== end of the hardware report\n");
}

err_t ctl_show_report(struct ctl *c)
{
	write_report(c->out);
	return ERR_OK;
}

/* --- by itself ---------------------------------------------------------------------- */

static void keep_text(void *ctx, const char *text, size_t len)
{
	size_t n = MIN(len, TEXT_BYTES - report.len);

	(void)ctx;
	memcpy(report.text + report.len, text, n);
	report.len += n;
}

/* The next line, cut to the screen's width; where the one behind it begins. */
static size_t screen_line(size_t at)
{
	size_t end = at;

	while (end < report.len && report.text[end] != '\n')
		end++;
	for (size_t i = at; i < MIN(end, at + PAGE_COLS); i++)
		if (report.text[i] != '\r')
			console_screen_write(&report.text[i], 1);
	console_screen_write("\n", 1);
	return MIN(end + 1, report.len);
}

static void next_page(void)
{
	char line[PAGE_COLS + 1];
	u32 rows = 0;
	int n;

	if (report.at >= report.len) {
		report.at = 0;
		report.page = 0;
	}
	for (u32 i = 0; i < PAGE_ROWS + 2; i++)
		console_screen_write("\n", 1);
	for (; rows < PAGE_ROWS && report.at < report.len; rows++)
		report.at = screen_line(report.at);
	n = fmt_snprintf(line, sizeof(line), "-- page %u%s, the next in %llu s --", ++report.page,
			 report.at >= report.len ? " (the last)" : "", PAGE_NS / NS_PER_S);
	console_screen_write(line, (size_t)n);
}

static bool guest_is_over(u64 now_ns)
{
	const struct vm *vm = vm_find(report.vm);

	if (now_ns - report.begin_ns > PATIENCE_NS) {
		log_warn("report", "%s has not ended within %llu s", report.vm,
			 PATIENCE_NS / NS_PER_S);
		return true;
	}
	return !vm || (vm->asked == __atomic_load_n(&vm->done, __ATOMIC_ACQUIRE) &&
		       (vm->state == VM_STOPPED || vm->state == VM_HELD));
}

/* A DHCP server may take its time, and where the node is belongs into the report. */
static bool waits_for_address(u64 now_ns)
{
	const struct uplink *up = uplink_at(0);

	return up->state == UPLINK_UP && !up->netif.addr &&
	       now_ns - report.begin_ns < ADDRESS_NS;
}

static void due(struct timer *t, u64 now_ns)
{
	const struct out out = { .write = keep_text };
	u64 next = now_ns + LOOK_NS;

	if (report.text) {
		next_page();
		next = now_ns + PAGE_NS;
	} else if (!waits_for_address(now_ns) && guest_is_over(now_ns)) {
		report.text = plat_alloc(TEXT_BYTES);
		if (!report.text) {
			log_err("report", "no memory for it: show report");
			return;
		}
		write_report(&out);
		console_write(report.text, report.len);
	}
	timer_set(&core_this()->timers, t, next);
}

void report_start(const char *vm)
{
	report.vm = vm;
	report.begin_ns = plat_now_ns();
	timer_init(&report.timer, due, NULL);
	timer_set(&core_this()->timers, &report.timer, report.begin_ns + LOOK_NS);
}
