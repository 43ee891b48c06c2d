/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

/* Most components of a DN that are looked at; longer ones go alone. */
#define DN_PARTS_MAX 64

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

static void clear_result(Write *write)
{
    write->state = WRITE_UNSENT;
    write->changed = write->again;
    write->code = 0;
    g_clear_pointer(&write->words, g_free);
    g_clear_pointer(&write->attribute, g_free);
    g_clear_pointer(&write->server_text, g_free);
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
    /* Where the server has no such control nothing can have happened. */
    if (write->relax && code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION)
        write->state = WRITE_REFUSED;
    if (write->state == WRITE_REFUSED)
        write->attribute = attribute_in(write->server_text);
}

/* --- names, made comparable --- */

static void append_folded(GString *text, const struct berval *value)
{
    g_autofree char *bytes = g_strndup(value->bv_val, value->bv_len);
    g_autofree char *folded = !g_str_is_ascii(bytes) && g_utf8_validate(bytes, -1, NULL)
                                  ? g_utf8_casefold(bytes, -1)
                                  : g_ascii_strdown(bytes, -1);
    for (const char *at = folded; *at != '\0'; at++) {
        if (*at == ' ' && (at[1] == ' ' || at[1] == '\0' || at == folded))
            continue;
        if (*at == '\\' || *at == ',' || *at == '+')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *at);
    }
}

static int compare_texts(gconstpointer left, gconstpointer right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static char *folded_rdn(LDAPRDN rdn)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; rdn[i] != NULL; i++) {
        GString *part = g_string_new(NULL);
        append_folded(part, &rdn[i]->la_attr);
        g_string_append_c(part, '=');
        append_folded(part, &rdn[i]->la_value);
        g_ptr_array_add(parts, g_string_free(part, FALSE));
    }
    g_ptr_array_sort(parts, compare_texts);
    g_ptr_array_add(parts, NULL);
    return g_strjoinv("+", (char **)parts->pdata);
}

/* The DN and all above it, the DN itself first. Caller owns it. */
static GStrv folded_names(const char *dn)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *above = g_strdup("");
    LDAPDN parsed = NULL;
    guint count = 0;
    if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        parsed = NULL;
    while (parsed != NULL && parsed[count] != NULL)
        count++;
    if (count == 0 || count > DN_PARTS_MAX) {
        /* The server will refuse it; whatever it is, it is only like itself. */
        g_ptr_array_add(names, g_ascii_strdown(dn, -1));
    } else {
        for (guint i = count; i > 0; i--) {
            g_autofree char *rdn = folded_rdn(parsed[i - 1]);
            char *name = g_strconcat(rdn, ",", above, NULL);
            g_free(above);
            above = g_strdup(name);
            g_ptr_array_insert(names, 0, name);
        }
    }
    if (parsed != NULL)
        ldap_dnfree(parsed);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_steal(names, NULL);
}

/* --- the window --- */

typedef struct {
    Write *write;
    GStrv names;   /* folded_names() of its DN */
    bool password; /* the change is done, its password is under way */
} Flight;

typedef struct {
    Directory *directory;
    const WriteStream *stream;
    LDAP *ld;
    Write *write;        /* the next one, or NULL */
    GStrv write_names;   /* folded_names() of its DN */
    GHashTable *flights; /* message id → Flight */
    GHashTable *names;   /* folded DNs in flight */
    GHashTable *above;   /* folded DNs above those → how many are below */
    bool stopped;        /* an answer left something open */
    GError **error;
} Window;

static void flight_free(Flight *flight)
{
    g_strfreev(flight->names);
    g_free(flight);
}

static void window_count(Window *window, const Flight *flight, int step)
{
    for (guint i = 1; flight->names[i] != NULL; i++) {
        const char *name = flight->names[i];
        int count = GPOINTER_TO_INT(g_hash_table_lookup(window->above, name)) + step;
        if (count > 0)
            g_hash_table_insert(window->above, g_strdup(name), GINT_TO_POINTER(count));
        else
            g_hash_table_remove(window->above, name);
    }
}

/* Whether an order of writes matters that the server would not keep. */
static bool window_clashes(const Window *window, char *const *names)
{
    if (g_hash_table_contains(window->above, names[0]))
        return true;
    for (guint i = 0; names[i] != NULL; i++) {
        if (g_hash_table_contains(window->names, names[i]))
            return true;
    }
    return false;
}

static void window_put(Window *window, int id, Write *write, GStrv names)
{
    Flight *flight = g_new0(Flight, 1);
    flight->write = write;
    flight->names = names;
    flight->password = write->changed;
    g_hash_table_insert(window->flights, GINT_TO_POINTER(id), flight);
    g_hash_table_add(window->names, g_strdup(names[0]));
    window_count(window, flight, 1);
}

/* The names it had are the caller's. */
static GStrv window_take(Window *window, int id)
{
    Flight *flight = g_hash_table_lookup(window->flights, GINT_TO_POINTER(id));
    GStrv names = flight->names;
    g_hash_table_remove(window->names, names[0]);
    window_count(window, flight, -1);
    flight->names = NULL;
    g_hash_table_remove(window->flights, GINT_TO_POINTER(id));
    return names;
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
    while (g_hash_table_iter_next(&iter, NULL, &flight))
        g_ptr_array_add(lost, ((Flight *)flight)->write);
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

/* One piece of memory; names and bytes are the change's. */
static LDAPMod *ldap_mod_new(const Mod *mod)
{
    static const int operations[] = {
        [MOD_ADD] = LDAP_MOD_ADD, [MOD_DELETE] = LDAP_MOD_DELETE, [MOD_REPLACE] = LDAP_MOD_REPLACE};
    typedef struct {
        LDAPMod mod;
        struct berval values[];
    } Block;
    const gsize count = mod->values->len;
    Block *block = g_malloc0(sizeof *block + count * sizeof(struct berval) +
                             (count + 1) * sizeof(struct berval *));
    block->mod.mod_op = operations[mod->kind] | LDAP_MOD_BVALUES;
    block->mod.mod_type = mod->attribute;
    if (count > 0)
        block->mod.mod_bvalues = (struct berval **)(block->values + count);
    for (gsize i = 0; i < count; i++) {
        block->values[i].bv_val = g_ptr_array_index(mod->values, i);
        block->values[i].bv_len = strlen(block->values[i].bv_val);
        block->mod.mod_bvalues[i] = &block->values[i];
    }
    return &block->mod;
}

static int send_change(LDAP *ld, const Change *change, LDAPControl **controls, int *id)
{
    g_autoptr(GPtrArray) mods = NULL;
    if (change->kind == CHANGE_DELETE)
        return ldap_delete_ext(ld, change->dn, controls, NULL, id);
    mods = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind <= MOD_REPLACE)
            g_ptr_array_add(mods, ldap_mod_new(mod));
    }
    g_ptr_array_add(mods, NULL);
    if (change->kind == CHANGE_ADD)
        return ldap_add_ext(ld, change->dn, (LDAPMod **)mods->pdata, controls, NULL, id);
    return ldap_modify_ext(ld, change->dn, (LDAPMod **)mods->pdata, controls, NULL, id);
}

static int assertion_control(LDAP *ld, char *assertion, LDAPControl **control)
{
    struct berval value = {0};
    int code = ldap_create_assertion_control_value(ld, assertion, &value);
    if (code == LDAP_SUCCESS)
        code = ldap_control_create(LDAP_CONTROL_ASSERT, 1, &value, 1, control);
    ber_memfree(value.bv_val);
    return code;
}

/* The change, or where that is done its password; *built false: nothing can have left. */
static int send_write(LDAP *ld, const Write *write, int *id, bool *built)
{
    LDAPControl *controls[] = {NULL, NULL};
    int code = LDAP_SUCCESS;
    *built = true;
    if (write->changed)
        return directory_send_password(ld, write->change, id);
    if (write->assertion != NULL)
        code = assertion_control(ld, write->assertion, &controls[0]);
    else if (write->relax)
        code = ldap_control_create(LDAP_CONTROL_RELAX, 1, NULL, 0, &controls[0]);
    *built = code == LDAP_SUCCESS;
    if (*built)
        code = send_change(ld, write->change, controls, id);
    if (controls[0] != NULL)
        ldap_control_free(controls[0]);
    return code;
}

static void window_send(Window *window, Write *write, GStrv names)
{
    int id = 0;
    bool built;
    /* From before it leaves: its answer may be there before we are at work again. */
    gint64 now = g_get_monotonic_time();
    int code = send_write(window->ld, write, &id, &built);
    if (code == LDAP_SUCCESS) {
        directory_window_sent(&window->directory->window, now);
        window_put(window, id, write, names);
        return;
    }
    g_strfreev(names);
    if (built)
        write->state = WRITE_UNKNOWN;
    write->code = code;
    window_stop(window, code, NULL);
    window_end(window, write);
    if (built) /* else a faulty filter: nothing left */
        window_lose(window, code);
}

/* --- collecting --- */

static void change_result(Window *window, LDAPMessage *message, Write *write)
{
    char *text = NULL;
    int code = LDAP_OTHER;
    if (ldap_parse_result(window->ld, message, &code, NULL, &text, NULL, NULL, 0) != LDAP_SUCCESS)
        code = LDAP_OTHER;
    set_result(write, code, text);
    ldap_memfree(text);
    write->changed = write->state == WRITE_DONE && change_password(write->change) != NULL;
}

static void window_answer(Window *window, LDAPMessage *message)
{
    const int id = ldap_msgid(message);
    const Flight *flight = g_hash_table_lookup(window->flights, GINT_TO_POINTER(id));
    if (flight == NULL) /* nothing of ours: a notice of disconnection comes without a number */
        return;
    Write *write = flight->write;
    bool goes_on = false;
    directory_window_answered(&window->directory->window, g_get_monotonic_time());
    if (flight->password) {
        directory_password_result(window->ld, message, write);
    } else {
        change_result(window, message, write);
        goes_on = write->changed;
    }
    g_auto(GStrv) names = window_take(window, id);
    /* Its password goes at once, so that nothing else on the entry comes between. */
    if (goes_on && !window->stopped) {
        window_send(window, write, g_steal_pointer(&names));
        return;
    }
    if (goes_on)
        write->state = WRITE_UNKNOWN;
    else if (write->state == WRITE_UNKNOWN && write->code == LDAP_REFERRAL)
        window_refer(window, message);
    else if (write->state == WRITE_UNKNOWN)
        window_stop(window, write->code, write->server_text);
    if (!window->stopped)
        window->stopped =
            directory_doubt_refusal(window->directory, write, window->error) != ANSWER_YES;
    window_end(window, write);
}

/* Waits for one answer. */
static void window_collect(Window *window)
{
    g_autoptr(LDAPMessage) message = NULL;
    switch (directory_wait(window->directory, window->ld, LDAP_RES_ANY, &message)) {
    case -1:
        window_lose(window, directory_code(window->ld));
        return;
    case 0:
        window_lose(window, LDAP_TIMEOUT);
        return;
    default:
        window_answer(window, message);
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
        window->write_names = folded_names(window->write->change->dn);
    }
    return true;
}

static void window_run(Window *window)
{
    DirectoryWindow *size = &window->directory->window;
    const guint most = window->directory->settings->window;
    for (;;) {
        bool open = directory_window_is_open(size, most, g_get_monotonic_time());
        if (open && window_fetch(window) && !window_clashes(window, window->write_names)) {
            window_send(window, g_steal_pointer(&window->write),
                        g_steal_pointer(&window->write_names));
        } else if (g_hash_table_size(window->flights) > 0) {
            if (open)
                directory_window_starved(size);
            window_collect(window);
        } else {
            break; /* there is none, or it is stopped, and nothing to wait for */
        }
    }
    g_clear_pointer(&window->write_names, g_strfreev);
    if (window->write != NULL)
        window_end(window, g_steal_pointer(&window->write));
}

Answer directory_stream(Directory *directory, const WriteStream *stream, GError **error)
{
    Window window = {.directory = directory, .stream = stream, .error = error};
    if (!window_fetch(&window))
        return ANSWER_YES;
    window.ld = directory_session(directory, error);
    if (window.ld == NULL) {
        g_strfreev(window.write_names);
        window_end(&window, window.write);
        return ANSWER_UNKNOWN;
    }
    g_autoptr(GHashTable) flights =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)flight_free);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) above = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    window.flights = flights;
    window.names = names;
    window.above = above;
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
