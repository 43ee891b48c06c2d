/* SPDX-License-Identifier: MIT */
#include "lib/config-set.h"
#include "lib/field.h"
#include "lib/operation.h"
#include "lib/profile.h"
#include "policy/delegation.h"
#include "policy/spam-filter.h"

#include <string.h>

/* Pages and program say the same: every setting stands in batchload.conf(5) and in the sample with
 * its default and range, and nothing else does; rules have one number each; mandoc(1) has nothing
 * to say. */

static char *read_file(GTestFileType where, const char *folder, const char *name)
{
    g_autofree char *path = g_test_build_filename(where, folder, name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* What a document says of one setting. */
typedef struct {
    char *section, *name;
    GString *text; /* the page's words, or the sample's value */
} Said;

static void said_free(gpointer data)
{
    Said *said = data;
    g_free(said->section);
    g_free(said->name);
    g_string_free(said->text, TRUE);
    g_free(said);
}

static Said *say(GPtrArray *all, const char *section, const char *name)
{
    Said *said = g_new0(Said, 1);
    said->section = g_strdup(section);
    said->name = g_strdup(name);
    said->text = g_string_new(NULL);
    g_ptr_array_add(all, said);
    return said;
}

/* Items of the page's lists, by ".Ss Section NAME". "base" is named once more at the top. */
static GPtrArray *read_page(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload.conf.5");
    g_auto(GStrv) lines = g_strsplit(page, "\n", -1);
    GPtrArray *all = g_ptr_array_new_with_free_func(said_free);
    const char *section = "";
    Said *said = NULL;

    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, ".Ss Section "))
            section = *line + strlen(".Ss Section ");
        if (g_str_has_prefix(*line, ".It Ic "))
            said = say(all, section, *line + strlen(".It Ic "));
        else if (g_str_has_prefix(*line, ".El"))
            said = NULL;
        else if (said != NULL)
            g_string_append_printf(said->text, "%s ",
                                   **line == '.' ? strpbrk(*line, " ") ?: "" : *line);
    }
    return all;
}

/* Settings of the sample, those after "#" too; sentences have a blank after it. */
static GPtrArray *read_sample(void)
{
    g_autofree char *sample = read_file(G_TEST_BUILT, "policy", "batchload.conf");
    g_autoptr(GRegex) setting = g_regex_new("^\\s*#?([a-z_]+) = (.*)$", 0, 0, NULL);
    g_autoptr(GRegex) begin = g_regex_new("^([a-z]+) \\{$", 0, 0, NULL);
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
    GPtrArray *all = g_ptr_array_new_with_free_func(said_free);
    g_autofree char *section = g_strdup("");

    for (char **line = lines; *line != NULL; line++) {
        g_autoptr(GMatchInfo) match = NULL, opened = NULL;
        if (g_regex_match(begin, *line, 0, &opened)) {
            g_free(section);
            section = g_match_info_fetch(opened, 1);
        } else if (g_str_equal(*line, "}")) {
            g_free(section);
            section = g_strdup("");
        } else if (g_regex_match(setting, *line, 0, &match)) {
            g_autofree char *name = g_match_info_fetch(match, 1);
            g_autofree char *value = g_match_info_fetch(match, 2);
            g_string_assign(say(all, section, name)->text, value);
        }
    }
    return all;
}

static const Said *find_said(GPtrArray *all, const ConfigSetting *setting)
{
    const Said *found = NULL;
    for (guint i = 0; i < all->len; i++) {
        const Said *said = all->pdata[i];
        if (strcmp(said->section, setting->section) != 0 || strcmp(said->name, setting->name) != 0)
            continue;
        if (found != NULL)
            g_test_message("%s %s is said twice", setting->section, setting->name);
        g_assert_null(found);
        found = said;
    }
    if (found == NULL)
        g_test_message("%s %s is missing", setting->section, setting->name);
    g_assert_nonnull(found);
    return found;
}

static void assert_all_known(GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        const Said *said = all->pdata[i];
        bool known = false;
        for (int j = 0; j < CONFIG_SETTINGS; j++)
            known |= strcmp(said->section, config_settings[j].section) == 0 &&
                     strcmp(said->name, config_settings[j].name) == 0;
        if (!known)
            g_test_message("%s %s is no setting", said->section, said->name);
        g_assert_true(known);
    }
}

/* A value's words, without quotes, braces, commas and the page's final point. */
static char *plain(const char *value)
{
    g_autoptr(GString) text = g_string_new(value);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();

    g_string_replace(text, "\\(dq", " ", 0);
    g_string_replace(text, "\"", " ", 0);
    g_string_replace(text, ",", " ", 0);
    g_auto(GStrv) words = g_strsplit_set(text->str, " \t", -1);
    for (char **word = words; *word != NULL; word++) {
        const gsize length = strlen(*word);
        if (length > 0 && (*word)[length - 1] == '.')
            (*word)[length - 1] = '\0';
        if (**word != '\0' && strcmp(*word, "{") != 0 && strcmp(*word, "}") != 0)
            g_ptr_array_add(kept, *word);
    }
    g_ptr_array_add(kept, NULL);
    return g_strjoinv(" ", (char **)kept->pdata);
}

static void test_page_settings(void)
{
    g_autoptr(GPtrArray) page = read_page();

    for (guint i = 0; i < page->len; i++) {
        const Said *said = page->pdata[i];
        if (strcmp(said->section, "") == 0 && strcmp(said->name, "base") == 0) {
            g_ptr_array_remove_index(page, i);
            break;
        }
    }
    assert_all_known(page);
    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const ConfigSetting *setting = &config_settings[i];
        const char *text = find_said(page, setting)->text->str;
        const char *standard = strstr(text, "Default ");
        g_autofree char *shown = plain(standard != NULL ? standard + strlen("Default ") : "");
        if (setting->standard == NULL)
            g_assert_true(strstr(text, "No default") != NULL ||
                          strstr(text, "May be left out") != NULL);
        else
            g_assert_cmpstr(shown, ==, setting->standard);
    }
}

static guint64 number_of(const char *figures, const char *unit)
{
    static const struct {
        const char *unit;
        guint64 factor;
    } units[] = {{"", 1},  {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},
                 {"s", 1}, {"m", 60},      {"h", 3600},    {"d", 86400}};
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (strcmp(unit, units[i].unit) == 0)
            return g_ascii_strtoull(figures, NULL, 10) * units[i].factor;
    return 0;
}

static void test_page_ranges(void)
{
    g_autoptr(GRegex) range =
        g_regex_new("\\b([0-9]+)([kMGsmhd]?) to ([0-9]+)([kMGsmhd]?)\\b", 0, 0, NULL);
    g_autoptr(GPtrArray) page = read_page();

    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const ConfigSetting *setting = &config_settings[i];
        g_autoptr(GMatchInfo) match = NULL;
        if (setting->max == 0)
            continue;
        if (!g_regex_match(range, find_said(page, setting)->text->str, 0, &match))
            g_test_message("%s has no range", setting->name);
        g_auto(GStrv) part = g_match_info_fetch_all(match);
        g_assert_nonnull(part);
        g_assert_cmpuint(number_of(part[1], part[2]), ==, setting->min);
        g_assert_cmpuint(number_of(part[3], part[4]), ==, setting->max);
    }
}

static void test_sample(void)
{
    g_autoptr(GPtrArray) sample = read_sample();

    assert_all_known(sample);
    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const ConfigSetting *setting = &config_settings[i];
        g_autofree char *value = plain(find_said(sample, setting)->text->str);
        if (setting->standard != NULL)
            g_assert_cmpstr(value, ==, setting->standard);
    }
}

/* Members of a job in JSON, as cli/common.c gives them. */
static void test_json(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload.1");
    g_autofree char *source = read_file(G_TEST_DIST, "cli", "common.c");
    g_autoptr(GRegex) member = g_regex_new("add_[a-z]+\\(builder, \"([a-z_]+)\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    const char *list = strstr(page, ".Ss JSON");
    unsigned count = 0;

    g_assert_nonnull(list);
    for (g_regex_match(member, source, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 1);
        g_autofree char *pattern = g_strdup_printf("(?m)^\\.It Cm ([a-z_]+ , )*%s\\b", name);
        if (!g_regex_match_simple(pattern, list, 0, 0))
            g_test_message("%s is missing", name);
        g_assert_true(g_regex_match_simple(pattern, list, 0, 0));
        count++;
    }
    g_assert_cmpuint(count, >, 10);
}

/* All shipped profiles, owned by the caller. */
static char *profiles(void)
{
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "policy", "profiles", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GString *all = g_string_new(NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *text = read_file(G_TEST_DIST, "policy/profiles", name);
        g_string_append(all, text);
    }
    return g_string_free(all, FALSE);
}

/* Every option and section of the shipped profiles, and nothing else; the range of digits is the
 * program's. */
static void test_profile(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload.conf.5");
    g_autofree char *profile = profiles();
    g_autofree char *range = g_strdup_printf("at least, 0 to %d, ", PROFILE_DIGITS_MAX);
    g_autoptr(GRegex) option = g_regex_new("(?m)^([a-z_]+) (?:=|\\{)", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *section = strstr(page, ".Sh THE PROFILE");

    g_assert_nonnull(section);
    g_autofree char *words = g_strndup(section, (gsize)(strstr(section, ".El") - section));
    g_assert_nonnull(strstr(words, range));
    for (g_regex_match(option, profile, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        char *name = g_match_info_fetch(match, 1);
        g_autofree char *pattern = g_strdup_printf("(?m)^\\.It Cm ([a-z_]+ , )*%s\\b", name);
        if (!g_regex_match_simple(pattern, words, 0, 0))
            g_test_message("%s is missing", name);
        g_assert_true(g_regex_match_simple(pattern, words, 0, 0));
        g_hash_table_add(known, name);
    }
    g_auto(GStrv) lines = g_strsplit(words, "\n", -1);
    unsigned count = 0;
    for (char **line = lines; *line != NULL; line++) {
        if (!g_str_has_prefix(*line, ".It Cm "))
            continue;
        g_auto(GStrv) names = g_strsplit(*line + strlen(".It Cm "), " , ", -1);
        for (char **name = names; *name != NULL; name++, count++)
            if (!g_hash_table_contains(known, *name))
                g_error("%s is no option of a profile", *name);
    }
    g_assert_cmpuint(count, ==, g_hash_table_size(known));
}

/* --- batchload-csv(5) --- */

/* The attribute of a white-page field in the shipped profile, owned by the caller. */
static char *profile_attribute(const char *field)
{
    g_autofree char *profile = read_file(G_TEST_DIST, "policy/profiles", "default.conf");
    g_autofree char *pattern = g_strdup_printf("(?m)^ +%s = \"([A-Za-z]+)\"$", field);
    g_autoptr(GRegex) line = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    g_assert_true(g_regex_match(line, strstr(profile, "\nfields {"), 0, &match));
    return g_match_info_fetch(match, 1);
}

static void assert_item(const char *page, const char *name, const char *rest)
{
    g_autofree char *pattern = g_strdup_printf("(?m)^\\.It Cm %s%s$", name, rest);

    if (!g_regex_match_simple(pattern, page, 0, 0))
        g_test_message("%s is missing", name);
    g_assert_true(g_regex_match_simple(pattern, page, 0, 0));
}

/* Every column, type and action is there, white pages with their attributes. */
static void test_csv(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload-csv.5");

    for (int i = 0; i < FIELD_COUNT; i++) {
        const bool white = i >= FIELD_WHITE_FIRST && i <= FIELD_WHITE_LAST;
        g_autofree char *attribute = white ? profile_attribute(field_name((Field)i)) : NULL;
        g_autofree char *rest = white ? g_strdup_printf(" Ta Va %s Ta.*", attribute) : NULL;
        assert_item(page, field_name((Field)i), white ? rest : "");
    }
    for (int i = 0; i < TYPE_COUNT; i++)
        assert_item(page, type_name((ObjectType)i), "");
    for (int i = 0; i < ACTION_COUNT; i++)
        assert_item(page, action_name((Action)i), "");
}

/* And nothing that the program does not know. */
static void test_csv_known(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload-csv.5");
    g_autoptr(GRegex) item =
        g_regex_new("(?m)^\\.It Cm (@attribute|[A-Z ]+?)( Ta .*)?$", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    unsigned count = 0;

    for (g_regex_match(item, page, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 1);
        Field field;
        ObjectType type;
        Action action;
        if (!field_find(name, &field) && !type_find(name, &type) && !action_find(name, &action))
            g_error("%s is no column, type or action", name);
        count++;
    }
    g_assert_cmpuint(count, >=, FIELD_COUNT + TYPE_COUNT + ACTION_COUNT);
}

/* --- batchload-policy(8) --- */

/* The lines that it tells for Postfix are those that are shipped. */
static void test_policy_lines(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload-policy.8");
    g_autofree char *settings = read_file(G_TEST_DIST, "policy/postfix", "batchload-main.cf");
    g_autofree char *services = read_file(G_TEST_DIST, "policy/postfix", "batchload-master.cf");
    g_autofree char *shipped = g_strconcat(settings, services, NULL);
    char *begin = strstr(page, "# main.cf\n");
    unsigned count = 0;

    g_assert_nonnull(begin);
    *strstr(begin, "\n.Ed") = '\0';
    g_auto(GStrv) lines = g_strsplit(begin, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_autoptr(GString) wanted = g_string_new(*line);
        if (**line == '#' || **line == '\0' || g_str_has_suffix(*line, "..."))
            continue;
        g_string_replace(wanted, "/usr/sbin/batchload-policy", "@POLICY_PROGRAM@", 0);
        if (strstr(shipped, wanted->str) == NULL)
            g_error("%s is not shipped", wanted->str);
        count++;
    }
    g_assert_cmpuint(count, ==, 5);
}

/* What it says of time and size is the program's. */
static void test_policy_values(void)
{
    g_autofree char *page = read_file(G_TEST_BUILT, "man", "batchload-policy.8");
    const struct {
        const char *words;
        unsigned value;
    } rows[] = {
        {"not asked again for %u seconds", SPAM_FILTER_STRANGE_SECONDS},
        {"does not answer within %u seconds", SPAM_FILTER_ANSWER_SECONDS},
        {"has at most %u kB", DELEGATION_REQUEST_MAX / 1024},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) words = g_string_new(rows[i].words);
        g_autofree char *value = g_strdup_printf("%u", rows[i].value);
        g_string_replace(words, "%u", value, 1);
        if (strstr(page, words->str) == NULL)
            g_error("the page does not say: %s", words->str);
    }
}

/* --- doc/requests.md --- */

static GHashTable *read_rules(void)
{
    g_autofree char *text = read_file(G_TEST_DIST, "doc", "requests.md");
    g_autoptr(GRegex) rule = g_regex_new("(?m)^- \\*\\*(R[0-9]+\\.[0-9]+)\\*\\*", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    GHashTable *rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (g_regex_match(rule, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        char *number = g_match_info_fetch(match, 1);
        if (g_hash_table_contains(rules, number))
            g_test_message("%s is there twice", number);
        g_assert_true(g_hash_table_add(rules, number));
    }
    g_assert_cmpuint(g_hash_table_size(rules), >, 80);
    return rules;
}

static void test_rules(void)
{
    g_autoptr(GHashTable) rules G_GNUC_UNUSED = read_rules();
}

/* Every rule that a test names is there. */
static void test_cited(void)
{
    static const char *const folders[] = {"lib", "policy", "milter", "cli", "tests"};
    g_autoptr(GHashTable) rules = read_rules();
    g_autoptr(GRegex) cited = g_regex_new("\\bR[0-9]+\\.[0-9]+\\b", 0, 0, NULL);
    unsigned count = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, folders[i], NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;
        g_assert_nonnull(folder);
        while ((name = g_dir_read_name(folder)) != NULL) {
            g_autoptr(GMatchInfo) match = NULL;
            g_autofree char *text = NULL;
            if (!g_str_has_suffix(name, ".c") && !g_str_has_suffix(name, ".py"))
                continue;
            text = read_file(G_TEST_DIST, folders[i], name);
            for (g_regex_match(cited, text, 0, &match); g_match_info_matches(match);
                 g_match_info_next(match, NULL)) {
                g_autofree char *number = g_match_info_fetch(match, 0);
                if (!g_hash_table_contains(rules, number))
                    g_test_message("%s/%s names %s, which is no rule", folders[i], name, number);
                g_assert_true(g_hash_table_contains(rules, number));
                count++;
            }
        }
    }
    g_assert_cmpuint(count, >, 0);
}

/* --- mandoc(1) --- */

static void test_lint(gconstpointer name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_BUILT, "man", name, NULL);
    g_autofree char *mandoc = g_find_program_in_path("mandoc");
    char *words[] = {mandoc, (char *)"-T", (char *)"lint", (char *)"-W", (char *)"warning",
                     path,   NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;

    if (mandoc == NULL) {
        g_test_skip("mandoc is not installed");
        return;
    }
    g_spawn_sync(NULL, words, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(out, ==, "");
    g_assert_cmpstr(err, ==, "");
    g_assert_cmpint(status, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/man/settings/page", test_page_settings);
    g_test_add_func("/man/settings/page-ranges", test_page_ranges);
    g_test_add_func("/man/settings/sample", test_sample);
    g_test_add_func("/man/json", test_json);
    g_test_add_func("/man/R3.53/profile", test_profile);
    g_test_add_func("/man/csv/complete", test_csv);
    g_test_add_func("/man/csv/known", test_csv_known);
    g_test_add_func("/man/policy/postfix", test_policy_lines);
    g_test_add_func("/man/policy/values", test_policy_values);
    g_test_add_func("/man/rules/unique", test_rules);
    g_test_add_func("/man/rules/cited", test_cited);
    g_test_add_data_func("/man/lint/batchload.1", "batchload.1", test_lint);
    g_test_add_data_func("/man/lint/batchload.conf.5", "batchload.conf.5", test_lint);
    g_test_add_data_func("/man/lint/batchload-senders.5", "batchload-senders.5", test_lint);
    g_test_add_data_func("/man/lint/batchload-csv.5", "batchload-csv.5", test_lint);
    g_test_add_data_func("/man/lint/batchload-milter.8", "batchload-milter.8", test_lint);
    g_test_add_data_func("/man/lint/batchload-policy.8", "batchload-policy.8", test_lint);
    g_test_add_data_func("/man/lint/batchload-groupware.8", "batchload-groupware.8", test_lint);
    g_test_add_data_func("/man/lint/batchload-panel.8", "batchload-panel.8", test_lint);
    return g_test_run();
}
