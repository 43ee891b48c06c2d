/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

Write *write_new(const Change *change, char *assertion)
{
    Write *write = g_new0(Write, 1);
    write->change = change;
    write->assertion = assertion;
    return write;
}

void write_free(Write *write)
{
    if (write == NULL)
        return;
    g_free(write->assertion);
    change_free(write->claim);
    g_free(write->words);
    g_free(write->attribute);
    g_free(write->server_text);
    g_free(write);
}

/* --- what an answer means --- */

static const struct {
    int code;
    WriteState state;
    const char *words;
} meanings[] = {
    {LDAP_SUCCESS, WRITE_DONE, NULL},
    {LDAP_ALREADY_EXISTS, WRITE_CONFLICT, NULL},
    {LDAP_NO_SUCH_OBJECT, WRITE_CONFLICT, NULL},
    {LDAP_ASSERTION_FAILED, WRITE_CONFLICT, NULL},
    {LDAP_NO_SUCH_ATTRIBUTE, WRITE_CONFLICT, NULL},
    {LDAP_TYPE_OR_VALUE_EXISTS, WRITE_CONFLICT, NULL},
    {LDAP_UNDEFINED_TYPE, WRITE_REFUSED, "The directory has no place for this field."},
    {LDAP_INAPPROPRIATE_MATCHING, WRITE_REFUSED,
     "The directory cannot compare values of this field."},
    {LDAP_CONSTRAINT_VIOLATION, WRITE_REFUSED,
     "The value breaks a rule of the directory, for example on its length or on how many there "
     "may be."},
    {LDAP_ALIAS_PROBLEM, WRITE_REFUSED,
     "The domain is only another name of one, so no address can be made in it."},
    {LDAP_INVALID_SYNTAX, WRITE_REFUSED,
     "The value has a form, or characters, that this field does not take."},
    {LDAP_INVALID_DN_SYNTAX, WRITE_REFUSED, "The directory does not accept this address."},
    {LDAP_INSUFFICIENT_ACCESS, WRITE_REFUSED, "The directory does not allow this change."},
    {LDAP_NAMING_VIOLATION, WRITE_REFUSED, "The directory does not allow this address here."},
    {LDAP_OBJECT_CLASS_VIOLATION, WRITE_REFUSED,
     "The directory demands a field that is not given, or does not allow one that is."},
    {LDAP_NOT_ALLOWED_ON_NONLEAF, WRITE_REFUSED,
     "Other things in the directory hang on this address, so it cannot be removed."},
    {LDAP_NOT_ALLOWED_ON_RDN, WRITE_REFUSED, "The address itself cannot be changed."},
    {LDAP_NO_OBJECT_CLASS_MODS, WRITE_REFUSED, "The kind of an address cannot be changed."},
};

/* The attribute that OpenLDAP complains of: "mail: value #0 invalid per syntax",
 * "modify/add: mail: no equality matching rule", "attribute 'mail' not allowed". */
static char *attribute_in(const char *text)
{
    g_autoptr(GRegex) regex = g_regex_new("^(?:modify/[a-z]+: )?([A-Za-z][A-Za-z0-9-]*): |"
                                          "attribute '([A-Za-z][A-Za-z0-9-]*)'",
                                          0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    char *name;
    if (text == NULL || !g_regex_match(regex, text, 0, &match))
        return NULL;
    name = g_match_info_fetch(match, 1);
    if (name != NULL && *name != '\0')
        return name;
    g_free(name);
    return g_match_info_fetch(match, 2);
}

static void clear_words(Write *write)
{
    g_clear_pointer(&write->words, g_free);
    g_clear_pointer(&write->attribute, g_free);
    g_clear_pointer(&write->server_text, g_free);
}

static void clear_result(Write *write)
{
    write->state = WRITE_UNSENT;
    write->changed = write->again;
    write->code = 0;
    clear_words(write);
}

/* Whether it gives values to the attribute (NULL: to any) where it may have some. */
static bool adds_to_there(const Change *change, const char *attribute)
{
    for (guint i = 0; change->kind == CHANGE_MODIFY && i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind == MOD_ADD &&
            (attribute == NULL || g_ascii_strcasecmp(mod->attribute, attribute) == 0))
            return true;
    }
    return false;
}

static void set_result(Write *write, int code, const char *text)
{
    write->code = code;
    write->state = WRITE_UNKNOWN;
    write->server_text = directory_clean_text(text);
    for (guint i = 0; i < G_N_ELEMENTS(meanings); i++) {
        if (meanings[i].code != code)
            continue;
        write->state = meanings[i].state;
        write->words = g_strdup(meanings[i].words);
    }
    /* Nobody came between: two values of the change itself are one to the server. */
    g_autofree char *told = attribute_in(write->server_text);
    if (code == LDAP_TYPE_OR_VALUE_EXISTS && !adds_to_there(write->change, told)) {
        write->state = WRITE_REFUSED;
        write->words = g_strdup("The directory takes two of the values for the same one.");
    }
    /* Where the server has no such control nothing can have happened. */
    if (write->relax && code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION)
        write->state = WRITE_REFUSED;
    if (write->state == WRITE_REFUSED)
        write->attribute = attribute_in(write->server_text);
}

/* --- the window --- */

/* What of a write is under way. */
typedef enum {
    STEP_END,
    STEP_LOOK,  /* whether its entry is as expected, and what is replaced of it */
    STEP_CLAIM, /* the mark before a deletion */
    STEP_CHANGE,
    STEP_DOUBT,    /* whether its entry is as expected still, since it was refused */
    STEP_PASSWORD, /* the change is done */
} Step;

typedef struct {
    Write *write;
    DirectoryName *name; /* of its DN */
    Step step;
    bool inside;      /* its conditions go inside of it */
    bool claimed;     /* the mark before a deletion is left */
    Entry *seen;      /* what was found by STEP_LOOK or STEP_DOUBT, or NULL */
    GPtrArray *plain; /* of char *: attributes whose values the server can't compare, or NULL */
} Flight;

typedef struct {
    Directory *directory;
    const WriteStream *stream;
    LDAP *ld;
    Write *write;              /* the next one, or NULL */
    DirectoryName *write_name; /* of its DN */
    GHashTable *flights;       /* message id → Flight */
    DirectoryNames *names;
    bool stopped; /* an answer left something open */
    GError **error;
} Window;

static Flight *flight_new(Write *write, DirectoryName *name)
{
    Flight *flight = g_new0(Flight, 1);
    flight->write = write;
    flight->name = name;
    return flight;
}

/* The name that it has is given back. */
static void flight_end(Flight *flight, DirectoryNames *names)
{
    directory_name_give_back(names, flight->name);
    entry_free(flight->seen);
    g_clear_pointer(&flight->plain, g_ptr_array_unref);
    g_free(flight);
}

static void window_put(Window *window, int id, Flight *flight)
{
    g_hash_table_insert(window->flights, GINT_TO_POINTER(id), flight);
    directory_name_fly(flight->name, true);
}

/* It is the caller's. */
static Flight *window_take(Window *window, int id)
{
    Flight *flight = g_hash_table_lookup(window->flights, GINT_TO_POINTER(id));
    directory_name_fly(flight->name, false);
    g_hash_table_remove(window->flights, GINT_TO_POINTER(id));
    return flight;
}

static void window_stop(Window *window, int code, const char *text)
{
    if (!window->stopped)
        directory_set_away(window->error, code, text);
    window->stopped = true;
}

static void window_end(const Window *window, Write *write)
{
    window->stream->ended(window->stream->data, write);
}

static void window_refer(Window *window, LDAPMessage *message)
{
    if (!window->stopped)
        directory_set_referral(window->error, window->ld, message);
    window->stopped = true;
}

/* The connection is lost: what was sent and not answered may have been done. */
static void window_lose(Window *window, int code)
{
    g_autoptr(GPtrArray) lost = g_ptr_array_new();
    GHashTableIter iter;
    gpointer flight;
    g_hash_table_iter_init(&iter, window->flights);
    while (g_hash_table_iter_next(&iter, NULL, &flight)) {
        directory_name_fly(((Flight *)flight)->name, false);
        g_ptr_array_add(lost, ((Flight *)flight)->write);
        flight_end(flight, window->names);
    }
    g_hash_table_remove_all(window->flights);
    window->directory->window = (DirectoryWindow){0};
    window_stop(window, code, NULL);
    for (guint i = 0; i < lost->len; i++) {
        Write *write = g_ptr_array_index(lost, i);
        write->state = WRITE_UNKNOWN;
        write->code = code;
        window_end(window, write);
    }
}

/* --- sending --- */

/* What of a change is sent with it. */
static bool is_sent(const Mod *mod)
{
    return mod->kind <= MOD_REPLACE;
}

static void fill_mod(LDAPMod *to, const Mod *mod, struct berval *values, struct berval **pointers)
{
    static const int operations[] = {
        [MOD_ADD] = LDAP_MOD_ADD, [MOD_DELETE] = LDAP_MOD_DELETE, [MOD_REPLACE] = LDAP_MOD_REPLACE};
    const guint count = mod->values->len;
    to->mod_op = operations[mod->kind] | LDAP_MOD_BVALUES;
    to->mod_type = mod->attribute;
    to->mod_bvalues = count > 0 ? pointers : NULL;
    for (guint i = 0; i < count; i++) {
        values[i].bv_val = g_ptr_array_index(mod->values, i);
        values[i].bv_len = strlen(values[i].bv_val);
        pointers[i] = &values[i];
    }
}

/* As the library takes them; one piece of memory, names and bytes are the change's. Caller owns it.
 */
static LDAPMod **ldap_mods_new(const Change *change)
{
    gsize mods = 0, values = 0;
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        mods += is_sent(mod);
        values += is_sent(mod) ? mod->values->len : 0;
    }
    /* All begin as a pointer does. */
    LDAPMod **list = g_malloc0((2 * mods + 1 + values) * sizeof(void *) + mods * sizeof(LDAPMod) +
                               values * sizeof(struct berval));
    LDAPMod *mod = (LDAPMod *)(list + mods + 1);
    struct berval *value = (struct berval *)(mod + mods);
    struct berval **pointer = (struct berval **)(value + values);
    for (guint i = 0, k = 0; i < change->mods->len; i++) {
        const Mod *from = g_ptr_array_index(change->mods, i);
        if (!is_sent(from))
            continue;
        fill_mod(mod, from, value, pointer);
        list[k++] = mod++;
        value += from->values->len;
        pointer += from->values->len + 1;
    }
    return list;
}

static int send_change(LDAP *ld, const Change *change, LDAPControl **controls, int *id)
{
    if (change->kind == CHANGE_DELETE)
        return ldap_delete_ext(ld, change->dn, controls, NULL, id);
    g_autofree LDAPMod **mods = ldap_mods_new(change);
    if (change->kind == CHANGE_ADD)
        return ldap_add_ext(ld, change->dn, mods, controls, NULL, id);
    return ldap_modify_ext(ld, change->dn, mods, controls, NULL, id);
}

/* Under its assertion where the server has a control for that. */
static int send_whole(LDAP *ld, const Write *write, bool asserted, int *id, bool *built)
{
    LDAPControl control = {(char *)LDAP_CONTROL_RELAX, {0}, 1};
    LDAPControl *controls[] = {NULL, NULL};
    int code = LDAP_SUCCESS;
    if (asserted)
        code = directory_assertion(ld, write->assertion, &control);
    if (asserted || write->relax)
        controls[0] = &control;
    *built = code == LDAP_SUCCESS;
    if (*built)
        code = send_change(ld, write->change, controls, id);
    ber_memfree(control.ldctl_value.bv_val);
    return code;
}

/* On what was seen of its entry. */
static int send_guarded(LDAP *ld, const Change *change, const Flight *flight, int *id)
{
    g_autoptr(Change) guarded = change_guarded(change, flight->seen, flight->plain);
    return send_change(ld, guarded, NULL, id);
}

/* *built false: nothing can have left that changes anything. */
static int send_step(LDAP *ld, const Flight *flight, int *id, bool *built)
{
    const Write *write = flight->write;
    *built = flight->step != STEP_LOOK;
    switch (flight->step) {
    case STEP_LOOK:
    case STEP_DOUBT:
        return directory_send_look(ld, write, id);
    case STEP_PASSWORD:
        return directory_send_password(ld, write->change, id);
    case STEP_CLAIM:
        return send_guarded(ld, write->claim, flight, id);
    default:
        if (flight->inside && write->change->kind == CHANGE_MODIFY)
            return send_guarded(ld, write->change, flight, id);
        return send_whole(ld, write, write->assertion != NULL && !flight->inside, id, built);
    }
}

/* flight is taken over. */
static void window_send(Window *window, Flight *flight)
{
    int id = 0;
    bool built;
    Write *write = flight->write;
    /* From before it leaves: its answer may be there before we are at work again. */
    gint64 now = g_get_monotonic_time();
    int code = send_step(window->ld, flight, &id, &built);
    if (code == LDAP_SUCCESS) {
        directory_window_sent(&window->directory->window, now);
        window_put(window, id, flight);
        return;
    }
    flight_end(flight, window->names);
    if (built)
        write->state = WRITE_UNKNOWN;
    write->code = code;
    window_stop(window, code, NULL);
    window_end(window, write);
    if (built) /* else a faulty filter: nothing left */
        window_lose(window, code);
}

static void window_begin(Window *window, Write *write, DirectoryName *name)
{
    Flight *flight = flight_new(write, name);
    flight->inside = write->assertion != NULL && !directory_checks_conditions(window->directory);
    flight->step = write->changed ? STEP_PASSWORD : flight->inside ? STEP_LOOK : STEP_CHANGE;
    window_send(window, flight);
}

/* --- collecting --- */

static int result_of(const Window *window, LDAPMessage *message, char **text)
{
    int code = LDAP_OTHER;
    if (ldap_parse_result(window->ld, message, &code, NULL, text, NULL, NULL, 0) != LDAP_SUCCESS)
        return LDAP_OTHER;
    return code;
}

/* Whether the entry is as the write expects. false: it is not, or that can't be told, which is the
 * write's result. */
static bool look_result(const Window *window, LDAPMessage *message, const Flight *flight)
{
    char *text = NULL;
    int code = result_of(window, message, &text);
    const bool expected = code == LDAP_SUCCESS && flight->seen != NULL;
    if (!expected) {
        clear_words(flight->write);
        set_result(flight->write, code == LDAP_SUCCESS ? LDAP_ASSERTION_FAILED : code, text);
    }
    ldap_memfree(text);
    return expected;
}

static void change_result(const Window *window, LDAPMessage *message, Write *write)
{
    char *text = NULL;
    int code = result_of(window, message, &text);
    set_result(write, code, text);
    ldap_memfree(text);
    write->changed = write->state == WRITE_DONE && change_password(write->change) != NULL;
}

/* The attribute that the server can't compare is replaced whatever it has. false: so it was. */
static bool flight_replace_plainly(Flight *flight)
{
    const char *attribute = flight->write->attribute;
    if (flight->plain == NULL)
        flight->plain = g_ptr_array_new_with_free_func(g_free);
    if (attribute == NULL ||
        g_ptr_array_find_with_equal_func(flight->plain, attribute, g_str_equal, NULL))
        return false;
    g_ptr_array_add(flight->plain, g_strdup(attribute));
    return true;
}

/* What is to be done about a change, or the claim before one, that was refused. */
static Step refused_step(Window *window, Flight *flight)
{
    Write *write = flight->write;
    if (!flight->inside && write->assertion != NULL &&
        write->code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION &&
        directory_asserts(window->directory, window->ld) == ANSWER_NO) {
        flight->inside = true;
        clear_result(write);
        return STEP_LOOK;
    }
    if (!flight->inside || flight->claimed || write->state != WRITE_REFUSED)
        return STEP_END;
    if (write->code == LDAP_INAPPROPRIATE_MATCHING && flight_replace_plainly(flight)) {
        clear_result(write);
        return flight->step;
    }
    g_clear_pointer(&flight->seen, entry_free);
    return STEP_DOUBT;
}

/* Takes the last answer to a step; what comes next. */
static Step next_step(Window *window, LDAPMessage *message, Flight *flight)
{
    Write *write = flight->write;
    const bool claims = write->change->kind == CHANGE_DELETE && write->claim != NULL;
    switch (flight->step) {
    case STEP_LOOK:
        if (!look_result(window, message, flight))
            return STEP_END;
        return claims ? STEP_CLAIM : STEP_CHANGE;
    case STEP_DOUBT:
        look_result(window, message, flight);
        return STEP_END;
    case STEP_PASSWORD:
        directory_password_result(window->ld, message, write);
        return STEP_END;
    default:
        change_result(window, message, write);
    }
    if (write->state != WRITE_DONE)
        return refused_step(window, flight);
    if (flight->step == STEP_CLAIM) {
        flight->claimed = true;
        clear_result(write);
        return STEP_CHANGE;
    }
    return write->changed ? STEP_PASSWORD : STEP_END;
}

/* A step has ended, and nothing follows. */
static void window_settle(Window *window, LDAPMessage *message, Write *write)
{
    if (write->state == WRITE_UNKNOWN && write->code == LDAP_REFERRAL)
        window_refer(window, message);
    else if (write->state == WRITE_UNKNOWN)
        window_stop(window, write->code, write->server_text);
    if (!window->stopped)
        window->stopped =
            directory_doubt_refusal(window->directory, write, window->error) != ANSWER_YES;
}

static void window_answer(Window *window, int kind, LDAPMessage **message)
{
    const int id = ldap_msgid(*message);
    Flight *flight = g_hash_table_lookup(window->flights, GINT_TO_POINTER(id));
    if (flight == NULL) /* nothing of ours: a notice of disconnection comes without a number */
        return;
    if (kind == LDAP_RES_SEARCH_ENTRY) {
        entry_free(flight->seen);
        flight->seen = directory_take_entry(window->ld, g_steal_pointer(message));
        return;
    }
    Write *write = flight->write;
    directory_window_answered(&window->directory->window, g_get_monotonic_time());
    Step next = next_step(window, *message, window_take(window, id));
    /* It goes at once, so that nothing else on the entry comes between. */
    if (next != STEP_END && !window->stopped) {
        flight->step = next;
        window_send(window, flight);
        return;
    }
    flight_end(flight, window->names);
    if (next != STEP_END)
        write->state = WRITE_UNKNOWN;
    else
        window_settle(window, *message, write);
    window_end(window, write);
}

/* Waits for one answer. */
static void window_collect(Window *window)
{
    g_autoptr(LDAPMessage) message = NULL;
    int kind = directory_wait(window->directory, window->ld, LDAP_RES_ANY, &message);
    switch (kind) {
    case -1:
        window_lose(window, directory_code(window->ld));
        return;
    case 0:
        window_lose(window, LDAP_TIMEOUT);
        return;
    default:
        window_answer(window, kind, &message);
    }
}

/* Whether there is a write to be sent: the next one, which stays there until it can go. */
static bool window_fetch(Window *window)
{
    if (window->stopped)
        return false;
    if (window->write == NULL) {
        window->write = window->stream->next(window->stream->data);
        if (window->write == NULL)
            return false;
        clear_result(window->write);
        window->write_name = directory_name_take(window->names, window->write->change->dn);
    }
    return true;
}

static void window_run(Window *window)
{
    DirectoryWindow *size = &window->directory->window;
    const guint most = window->directory->settings->window;
    for (;;) {
        bool open = directory_window_is_open(size, most, g_get_monotonic_time());
        if (open && window_fetch(window) && !directory_name_clashes(window->write_name)) {
            window_begin(window, g_steal_pointer(&window->write),
                         g_steal_pointer(&window->write_name));
        } else if (g_hash_table_size(window->flights) > 0) {
            if (open)
                directory_window_starved(size);
            window_collect(window);
        } else {
            break; /* there is none, or it is stopped, and nothing to wait for */
        }
    }
    directory_name_give_back(window->names, g_steal_pointer(&window->write_name));
    if (window->write != NULL)
        window_end(window, g_steal_pointer(&window->write));
}

Answer directory_stream(Directory *directory, const WriteStream *stream, GError **error)
{
    g_autoptr(DirectoryNames) names = directory_names_new();
    g_autoptr(GHashTable) flights = g_hash_table_new(NULL, NULL);
    Window window = {.directory = directory,
                     .stream = stream,
                     .flights = flights,
                     .names = names,
                     .error = error};
    if (!window_fetch(&window))
        return ANSWER_YES;
    window.ld = directory_session(directory, error);
    if (window.ld == NULL) {
        directory_name_give_back(names, window.write_name);
        window_end(&window, window.write);
        return ANSWER_UNKNOWN;
    }
    window_run(&window);
    if (!window.stopped)
        return ANSWER_YES;
    directory_drop(directory);
    return ANSWER_UNKNOWN;
}

/* --- what is all there beforehand --- */

typedef struct {
    GPtrArray *writes;
    guint next;
} Queue;

static Write *queue_next(gpointer data)
{
    Queue *queue = data;
    return queue->next < queue->writes->len ? queue->writes->pdata[queue->next++] : NULL;
}

static void queue_ended(gpointer data G_GNUC_UNUSED, Write *write G_GNUC_UNUSED)
{
}

Answer directory_apply(Directory *directory, GPtrArray *writes, GError **error)
{
    Queue queue = {writes, 0};
    const WriteStream stream = {queue_next, queue_ended, &queue};
    for (guint i = 0; i < writes->len; i++)
        clear_result(g_ptr_array_index(writes, i));
    return directory_stream(directory, &stream, error);
}
