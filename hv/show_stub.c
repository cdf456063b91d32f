#include "hv/ctl.h"
#include "hv/uplink.h"
#define S(n) err_t n(struct ctl *c){(void)c;return ERR_OK;}
S(ctl_show_node) S(ctl_show_vm) S(ctl_show_interface) S(ctl_show_link) S(ctl_show_route) S(ctl_show_uplink) S(ctl_show_stats) S(ctl_show_config) S(ctl_show_log)
