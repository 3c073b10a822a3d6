/*
 * The hook of event.h.
 */
#include "core/event.h"

struct core_event_ops core_event_ops;
