/* SPDX-License-Identifier: MIT */
#include "lib/plan.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

#include <string.h>

/* Circles: a small world that grows by random rows, each of which is compared with a plain walk
 * over that world. */

#define LOCALS 5
#define HELD (2 * LOCALS)  /* addresses that something may stand at */
#define NAMED (3 * LOCALS) /* with those of a further name of the first domain */
#define NODES (NAMED + 2)  /* with the catch-alls of both domains */
#define EPISODES 60
#define ROWS 50
#define SLICE 7

static const char *const domains[] = {"one.example", "two.example", "too.example"};

static SlapdFixture *fixture;
static Directory *directory;
static Address *requester;
static Grant *grant;

/* --- the world, and what a plain walk says of it --- */

typedef struct {
    ObjectType type; /* TYPE_COUNT: nothing stands there */
    guint32 to;      /* a bit for each node */
} Node;

typedef struct {
    Node node[NODES];
} World;

static guint32 bit(guint node)
{
    return 1u << node;
}

static bool is_there(const World *world, guint node)
{
    return world->node[node].type != TYPE_COUNT;
}

/* Where mail to a node goes on to. */
static guint32 behind(const World *world, guint node)
{
    if (is_there(world, node))
        return world->node[node].to;
    if (node >= HELD)
        return node < NAMED && is_there(world, node - HELD) ? bit(node - HELD) : 0;
    return bit(NAMED + node / LOCALS);
}

static bool has_circle(const World *world)
{
    guint32 reached[NODES];
    for (guint i = 0; i < NODES; i++)
        reached[i] = behind(world, i);
    for (guint round = 0; round < NODES; round++)
        for (guint i = 0; i < NODES; i++)
            for (guint j = 0; j < NODES; j++)
                if (reached[i] & bit(j))
                    reached[i] |= reached[j];
    for (guint i = 0; i < NODES; i++)
        if (reached[i] & bit(i))
            return true;
    return false;
}

/* --- a row --- */

typedef struct {
    Action action;
    ObjectType type;
    guint node;
    guint32 to, alias; /* what it names; 0: nothing */
    char to_sign, alias_sign;
} Row;

static void remove_node(World *world, guint gone)
{
    world->node[gone] = (Node){TYPE_COUNT, 0};
    for (guint i = 0; i < NODES; i++) {
        Node *other = &world->node[i];
        bool alone = other->type == TYPE_ALIAS || other->type == TYPE_CATCHALL;
        if (!(other->to & bit(gone)))
            continue;
        if (alone)
            remove_node(world, i);
        else if (other->type == TYPE_LIST)
            other->to &= ~bit(gone);
    }
}

/* The row done, whatever there is against it. */
static World after(const World *before, const Row *row)
{
    World world = *before;
    Node *own = &world.node[row->node];
    if (row->action == ACTION_DELETE && row->to == 0) {
        remove_node(&world, row->node);
    } else if (row->action == ACTION_DELETE || row->to_sign == '~') {
        own->to &= ~row->to;
    } else {
        bool adds = row->to_sign == '+' || row->type == TYPE_LIST || row->to == 0;
        *own = (Node){row->type, (adds && is_there(before, row->node) ? own->to : 0) | row->to};
    }
    for (guint i = 0; i < HELD; i++) {
        const Node alias = {TYPE_ALIAS, bit(row->node)};
        bool has = before->node[i].type == TYPE_ALIAS && before->node[i].to == alias.to;
        if ((row->alias & bit(i)) && row->alias_sign != '~')
            world.node[i] = alias;
        else if ((row->alias & bit(i)) && has)
            remove_node(&world, i);
    }
    return world;
}

static void append_name(GString *text, guint node)
{
    if (node >= NAMED)
        g_string_append(text, domains[node - NAMED]);
    else
        g_string_append_printf(text, "x%u@%s", node % LOCALS, domains[node / LOCALS]);
}

static void append_cell(GString *text, const char *name, char sign, guint32 nodes)
{
    if (!nodes)
        return;
    g_string_append_printf(text, " %s=", name);
    if (sign)
        g_string_append_c(text, sign);
    const char *comma = "";
    for (guint i = 0; i < HELD; i++) {
        if (!(nodes & bit(i)))
            continue;
        g_string_append(text, comma);
        append_name(text, i);
        comma = ",";
    }
}

static char *row_text(const Row *row)
{
    const char *cell = row->type == TYPE_LIST                                  ? "LIST_MEMBER"
                       : row->type == TYPE_ALIAS || row->type == TYPE_CATCHALL ? "TARGET"
                                                                               : "MAILFORWARD";
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s %s ", action_name(row->action), type_name(row->type));
    append_name(text, row->node);
    if (row->type == TYPE_FULL && row->action == ACTION_ADD)
        g_string_append(text, " PASSWORD={CRYPT}$6$x$y");
    append_cell(text, cell, row->to_sign, row->to);
    append_cell(text, "ALIAS", row->alias_sign, row->alias);
    return g_string_free(text, FALSE);
}

/* --- by chance --- */

/* The same in every run, unless BATCHLOAD_SEED says otherwise. */
static GRand *dice;

static guint chance(guint below)
{
    return (guint)g_rand_int_range(dice, 0, (gint32)below);
}

/* One that is of a type where there is one (TYPE_COUNT: of any), mostly. */
static guint some(const World *world, ObjectType type, bool there)
{
    guint node = chance(HELD);
    for (guint i = 0; i < HELD && chance(20) > 0; i++, node = (node + 1) % HELD)
        if (is_there(world, node) == there &&
            (type == TYPE_COUNT || !there || world->node[node].type == type))
            break;
    return node;
}

static guint32 some_targets(const World *world)
{
    guint32 to = 0;
    for (guint i = 1 + chance(3); i > 0; i--)
        to |= bit(some(world, TYPE_COUNT, true));
    return to;
}

static Row modify_account(const World *world)
{
    static const char signs[] = {0, '+', '~'};
    Row row = {ACTION_MODIFY, TYPE_FULL, some(world, TYPE_FULL, true), 0, 0, 0, 0};
    if (chance(2)) {
        row.to_sign = signs[chance(3)];
        row.to = some_targets(world);
        if (row.to_sign == '~')
            row.to &= world->node[row.node].to;
    } else {
        row.alias_sign = signs[1 + chance(2)];
        row.alias = bit(some(world, TYPE_ALIAS, row.alias_sign == '~'));
        const Node *alias = &world->node[some(world, TYPE_ALIAS, true)];
        if (row.alias_sign == '~' && alias->type == TYPE_ALIAS) {
            row.alias = bit((guint)(alias - world->node));
            row.node = (guint)g_bit_nth_lsf(alias->to, -1);
        }
    }
    return row;
}

static Row delete_some(const World *world)
{
    guint node = chance(8) ? some(world, TYPE_COUNT, true) : NAMED + chance(2);
    Row row = {ACTION_DELETE, world->node[node].type, node, 0, 0, 0, 0};
    if (row.type == TYPE_COUNT)
        row.type = node < NAMED ? TYPE_FULL : TYPE_CATCHALL;
    if (row.type == TYPE_LIST && chance(2))
        row.to = world->node[node].to & some_targets(world);
    return row;
}

static Row add_account(const World *world)
{
    Row row = {ACTION_ADD, TYPE_FULL, some(world, TYPE_FULL, false), 0, 0, 0, 0};
    if (chance(2))
        row.to = some_targets(world);
    if (chance(2))
        row.alias = bit(some(world, TYPE_ALIAS, false)) & ~bit(row.node);
    return row;
}

static Row some_row(const World *world)
{
    switch (chance(9)) {
    case 0:
        return add_account(world);
    case 1:
    case 2:
        return modify_account(world);
    case 3:
        return (Row){
            ACTION_ADD, TYPE_FORWARD, some(world, TYPE_FORWARD, false), some_targets(world), 0, 0,
            0};
    case 4:
        return (Row){ACTION_MODIFY,
                     TYPE_FORWARD,
                     some(world, TYPE_FORWARD, true),
                     some_targets(world),
                     0,
                     0,
                     0};
    case 5:
        return (Row){
            ACTION_ADD, TYPE_LIST, some(world, TYPE_LIST, chance(3) > 0), some_targets(world), 0,
            0,          0};
    case 6:
        return (Row){ACTION_ADD,
                     TYPE_ALIAS,
                     some(world, TYPE_ALIAS, false),
                     bit(some(world, TYPE_FULL, true)),
                     0,
                     0,
                     0};
    case 7:
        return (Row){
            ACTION_ADD, TYPE_CATCHALL, NAMED + chance(2), bit(some(world, TYPE_FULL, true)), 0, 0,
            0};
    default:
        return delete_some(world);
    }
}

/* --- what slices leave --- */

typedef enum {
    ONE_SLICE,
    WRITTEN, /* each slice is in the directory before the next one is planned */
    CHECKED, /* each is kept as effects */
    WAYS,
} Way;

typedef struct {
    Way way;
    World world;
    PlanContext context;
    PlanOverlay overlay;
    GHashTable *effects; /* name → GVariant */
    GHashTable *joined;  /* member → GPtrArray of names */
    GPtrArray *writes;   /* of PlannedRow: those of the slice */
    Plan *plan;
    guint circles, done, others;
} Episode;

static Answer find_effect(gpointer data, const char *name, GVariant **effect, GError **error)
{
    GVariant *found = g_hash_table_lookup(((Episode *)data)->effects, name);
    (void)error;
    *effect = found ? g_variant_ref(found) : NULL;
    return found ? ANSWER_YES : ANSWER_NO;
}

static GPtrArray *with_member(gpointer data, const char *member, GError **error)
{
    const Episode *episode = data;
    const GPtrArray *names = g_hash_table_lookup(episode->joined, member);
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    (void)error;
    for (guint i = 0; names && i < names->len; i++) {
        GVariant *effect = g_hash_table_lookup(episode->effects, names->pdata[i]);
        if (effect)
            g_ptr_array_add(found, g_variant_ref(effect));
    }
    return found;
}

static void keep_effect(gpointer data, const char *name, GVariant *effect)
{
    g_hash_table_replace(((Episode *)data)->effects, g_strdup(name), g_variant_ref_sink(effect));
}

static void keep_joined(gpointer data, const char *member, const char *name)
{
    GHashTable *joined = ((Episode *)data)->joined;
    GPtrArray *names = g_hash_table_lookup(joined, member);
    if (!names) {
        names = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(joined, g_strdup(member), names);
    }
    g_ptr_array_add(names, g_strdup(name));
}

static void apply(const Change *change)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(GError) error = NULL;
    Write *write = write_new(change, NULL);
    g_ptr_array_add(writes, write);
    g_assert_cmpint(directory_apply(directory, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(write->state, ==, WRITE_DONE);
}

#define BY_HAND "mail=x4@two.example,ou=two.example,ou=domains,dc=example,dc=org"

static void put_by_hand(void)
{
    g_autoptr(Change) change = change_new(CHANGE_ADD, BY_HAND);
    change_mod(change, MOD_ADD, "objectClass", "inetOrgPerson");
    change_mod(change, MOD_ADD, "objectClass", "batchloadForward");
    change_mod(change, MOD_ADD, "cn", "x");
    change_mod(change, MOD_ADD, "sn", "x");
    change_mod(change, MOD_ADD, "mail", "x4@two.example");
    change_mod(change, MOD_ADD, "batchloadTarget", "x0@too.example");
    apply(change);
}

static void take_away(const char *dn)
{
    g_autoptr(Change) change = change_new(CHANGE_DELETE, dn);
    apply(change);
}

static void end_slice(Episode *episode)
{
    const PlanEffects effects = {keep_effect, keep_joined, episode};
    if (episode->way == CHECKED)
        plan_effects(episode->plan, &effects);
    for (guint i = 0; episode->way == WRITTEN && i < episode->writes->len; i++) {
        const PlannedRow *row = episode->writes->pdata[i];
        for (guint j = 0; j < row->writes->len; j++)
            apply(((const PlannedWrite *)row->writes->pdata[j])->change);
    }
    g_ptr_array_set_size(episode->writes, 0);
    plan_free(episode->plan);
    episode->plan = plan_new(&episode->context);
}

static void episode_begin(Episode *episode, Way way)
{
    *episode = (Episode){.way = way};
    for (guint i = 0; i < NODES; i++)
        episode->world.node[i] = (Node){TYPE_COUNT, 0};
    /* By hand: from x4 of the second domain to the further name of x0. */
    episode->world.node[HELD - 1] = (Node){TYPE_FORWARD, bit(HELD)};
    episode->effects =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
    episode->joined =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    episode->writes = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    episode->overlay = (PlanOverlay){find_effect, with_member, episode};
    episode->context = (PlanContext){
        .job = "20261121-TESTED",
        .requester = requester,
        .grant = grant,
        .profile = fixture->profile,
        .directory = directory,
        .list_members_max = 100,
        .overlay = way == CHECKED ? &episode->overlay : NULL,
        .unwritten = way == CHECKED,
    };
    episode->plan = plan_new(&episode->context);
}

/* The directory is as it was before. */
static void episode_end(Episode *episode)
{
    if (episode->way == WRITTEN)
        end_slice(episode);
    for (guint i = 0; episode->way == WRITTEN && i < NODES; i++) {
        g_autoptr(GString) text = g_string_new(i < NAMED ? NULL : "@");
        if (!is_there(&episode->world, i))
            continue;
        append_name(text, i);
        g_autofree char *dn = g_strdup_printf("mail=%s,ou=%s,ou=domains,dc=example,dc=org",
                                              text->str, strchr(text->str, '@') + 1);
        take_away(dn);
    }
    plan_free(episode->plan);
    g_hash_table_unref(episode->effects);
    g_hash_table_unref(episode->joined);
    g_ptr_array_unref(episode->writes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Episode, episode_end)

/* --- the comparison --- */

static void compare_row(Episode *episode, unsigned line)
{
    const Row row = some_row(&episode->world);
    const World next = after(&episode->world, &row);
    g_autofree char *text = row_text(&row);
    g_autoptr(Operation) operation = test_operation(line, text);
    g_autoptr(GError) error = NULL;
    PlannedRow *planned = NULL;
    g_assert_cmpint(plan_row(episode->plan, operation, &planned, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    const Outcome *outcome = planned->outcome;
    const char *reason = outcome->reason ? outcome->reason : "";
    bool circle = strstr(reason, "in a circle");
    g_test_message("%u: %s: %s %s", line, text, result_name(outcome->result), reason);
    g_ptr_array_add(episode->writes, planned);
    if (outcome->result != RESULT_FAILED || circle)
        g_assert_true(has_circle(&next) == circle);
    if (outcome->result != RESULT_FAILED)
        episode->world = next;
    episode->done += planned->writes->len > 0;
    episode->circles += circle;
    episode->others += outcome->result == RESULT_FAILED && !circle;
}

static void test_random(void)
{
    guint circles = 0, done = 0, others = 0;
    for (guint i = 0; i < EPISODES; i++) {
        g_auto(Episode) episode;
        put_by_hand();
        episode_begin(&episode, i % WAYS);
        for (unsigned line = 2; line < ROWS + 2; line++) {
            compare_row(&episode, line);
            if (line % SLICE == 0 && episode.way != ONE_SLICE)
                end_slice(&episode);
        }
        circles += episode.circles;
        done += episode.done;
        others += episode.others;
        if (episode.way != WRITTEN)
            take_away(BY_HAND);
    }
    g_test_message("%u rows done, %u circles, %u refused else", done, circles, others);
    g_assert_cmpuint(done, >, EPISODES * ROWS / 4);
    g_assert_cmpuint(circles, >, EPISODES * ROWS / 100);
}

int main(int argc, char **argv)
{
    static const char *const held[] = {"one.example", "two.example", NULL};
    g_autoptr(GError) error = NULL;
    g_test_init(&argc, &argv, NULL);
    directory_init();
    const char *seed = g_getenv("BATCHLOAD_SEED");
    dice = g_rand_new_with_seed(seed ? (guint32)g_ascii_strtoull(seed, NULL, 10) : 2026);
    fixture = slapd_fixture_new(held);
    slapd_fixture_ldif(fixture, "dn: ou=too.example,ou=domains,dc=example,dc=org\n"
                                "objectClass: organizationalUnit\n"
                                "objectClass: batchloadDomainAlias\n"
                                "ou: too.example\nbatchloadTargetDomain: one.example\n\n");
    directory = directory_new(&fixture->settings, &error);
    g_assert_no_error(error);
    requester = address_parse("admin@one.example", NULL, NULL);
    grant = grant_parse("allow domains=one.example,two.example,too.example", requester, &error);
    g_assert_no_error(error);
    g_test_add_func("/plan/R3.39/random", test_random);
    int status = g_test_run();
    g_rand_free(dice);
    grant_free(grant);
    address_free(requester);
    directory_free(directory);
    slapd_fixture_free(fixture);
    return status;
}
