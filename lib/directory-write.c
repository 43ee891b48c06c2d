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

typedef struct {
    Write *write;
    DirectoryName *name; /* of its DN */
    bool password;       /* the change is done, its password is under way */
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

static void window_put(Window *window, int id, Write *write, DirectoryName *name)
{
    Flight *flight = g_new0(Flight, 1);
    flight->write = write;
    flight->name = name;
    flight->password = write->changed;
    g_hash_table_insert(window->flights, GINT_TO_POINTER(id), flight);
    directory_name_fly(name, true);
}

/* The name that it had is the caller's. */
static DirectoryName *window_take(Window *window, int id)
{
    const Flight *flight = g_hash_table_lookup(window->flights, GINT_TO_POINTER(id));
    DirectoryName *name = flight->name;
    directory_name_fly(name, false);
    g_hash_table_remove(window->flights, GINT_TO_POINTER(id));
    return name;
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
        DirectoryName *name = ((Flight *)flight)->name;
        directory_name_fly(name, false);
        directory_name_give_back(window->names, name);
        g_ptr_array_add(lost, ((Flight *)flight)->write);
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

/* The change, or where that is done its password; *built false: nothing can have left. */
static int send_write(LDAP *ld, const Write *write, int *id, bool *built)
{
    LDAPControl control = {(char *)LDAP_CONTROL_RELAX, {0}, 1};
    LDAPControl *controls[] = {NULL, NULL};
    int code = LDAP_SUCCESS;
    *built = true;
    if (write->changed)
        return directory_send_password(ld, write->change, id);
    if (write->assertion != NULL)
        code = directory_assertion(ld, write->assertion, &control);
    if (write->assertion != NULL || write->relax)
        controls[0] = &control;
    *built = code == LDAP_SUCCESS;
    if (*built)
        code = send_change(ld, write->change, controls, id);
    ber_memfree(control.ldctl_value.bv_val);
    return code;
}

/* name is taken over. */
static void window_send(Window *window, Write *write, DirectoryName *name)
{
    int id = 0;
    bool built;
    /* From before it leaves: its answer may be there before we are at work again. */
    gint64 now = g_get_monotonic_time();
    int code = send_write(window->ld, write, &id, &built);
    if (code == LDAP_SUCCESS) {
        directory_window_sent(&window->directory->window, now);
        window_put(window, id, write, name);
        return;
    }
    directory_name_give_back(window->names, name);
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
    DirectoryName *name = window_take(window, id);
    /* Its password goes at once, so that nothing else on the entry comes between. */
    if (goes_on && !window->stopped) {
        window_send(window, write, name);
        return;
    }
    directory_name_give_back(window->names, name);
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
            window_send(window, g_steal_pointer(&window->write),
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
    g_autoptr(GHashTable) flights = g_hash_table_new_full(NULL, NULL, NULL, g_free);
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
