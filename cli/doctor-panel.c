/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include "lib/panel.h"

/* Calls that one finding names. */
#define NAMED_MAX 5

static bool allows(const Grant *grant, const PanelCall *call)
{
    const bool makes_domain =
        call->type == TYPE_DOMAIN && (call->action == ACTION_ADD || call->action == ACTION_DELETE);

    return (grant->types & (1u << call->type)) != 0 &&
           (grant->actions & (1u << call->action)) != 0 && (!makes_domain || grant->create_domains);
}

/* The calls whose rows the grant does not allow, whatever they are about. Caller owns it. */
static char *refused_calls(const Grant *grant)
{
    g_autoptr(GString) names = g_string_new(NULL);
    unsigned count = 0;

    for (const PanelCall *call = panel_calls; call->name != NULL; call++)
        if (call->kind == PANEL_CHANGE && !allows(grant, call))
            doctor_add_name(names, &count, NAMED_MAX, call->name);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

void doctor_panel(Doctor *doctor, const Config *config, SenderTable *senders)
{
    const char *name = config->panel_requester;
    g_autoptr(Address) requester = name != NULL ? address_parse(name, NULL, NULL) : NULL;
    g_autoptr(Grant) grant = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *refused = NULL;
    bool own = false;
    Answer found;

    if (requester == NULL)
        return;
    found = sender_table_grant(senders, requester, &grant, &own, &error);
    if (found == ANSWER_YES && grant->verdict == GRANT_ALLOW)
        refused = refused_calls(grant);
    if (found == ANSWER_UNKNOWN)
        doctor_say(doctor, FINDING_UNKNOWN, "panel",
                   "It can't be told whether %s (panel_requester) has a grant: %s", name,
                   error->message);
    else if (refused == NULL)
        doctor_say(doctor, FINDING_WRONG, "panel",
                   "The sender table does not allow %s (panel_requester) to send requests, so that "
                   "every call of the panel that changes something fails: give it a grant "
                   "(batchload-senders(5)), or set another address.",
                   name);
    else if (*refused != '\0')
        doctor_say(doctor, FINDING_NOTE, "panel",
                   "The grant of %s (panel_requester) does not allow what these calls of the panel "
                   "do, so that they fail: %s. Its types, actions and create_domains decide.",
                   name, refused);
    else
        doctor_say(doctor, FINDING_GOOD, "panel",
                   "The panel's calls are requests of %s, whose grant allows them.", name);
}
