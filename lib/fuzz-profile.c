/* SPDX-License-Identifier: MIT */
#include "lib/profile.h"
#include "tests/fuzz-file.h"

#include <string.h>

/* Any bytes as a profile: refused with one sentence, or good for names, filters and changes of
 * odd addresses, too. Seeds: test-fixtures/profile. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE "dc=example,dc=com"

static void check_names(const Profile *profile, const Address *address)
{
    g_autofree char *domain = profile_domain_dn(profile, address->domain);
    g_autofree char *entry = profile_entry_dn(profile, address);
    g_autofree char *below = g_strconcat(",", domain, NULL);
    g_assert_true(g_str_has_suffix(entry, below));
    g_assert_null(strstr(domain, address->full));
    for (const char *const *name = profile_attributes(profile); *name != NULL; name++)
        g_assert_true(g_ascii_isalpha(**name) && strpbrk(*name, "()*\\= ,+\"") == NULL);
}

static unsigned count(const char *text, char c)
{
    unsigned found = 0;
    for (; *text != '\0'; text++)
        found += *text == c;
    return found;
}

/* A value stays a value: the parentheses are ours. */
static void check_filters(const Profile *profile, const Address *address)
{
    g_autoptr(GPtrArray) members = g_ptr_array_new(), plain = g_ptr_array_new();
    g_ptr_array_add(members, (char *)"*)(uid=*))(|(uid=*\\");
    g_ptr_array_add(plain, (char *)"a@example.com");
    g_autofree char *lists = profile_filter_referrers(profile, members);
    g_autofree char *others = profile_filter_referrers(profile, plain);
    g_autofree char *anywhere = profile_filter_address_anywhere(profile, address);
    g_autoptr(Address) other = address_parse("a@example.com", NULL, NULL);
    g_autofree char *plainly = profile_filter_address_anywhere(profile, other);
    g_autofree char *assertion = profile_assertion(profile, "a)(b", "*", "\\");
    g_assert_cmpuint(count(lists, '('), ==, count(others, '('));
    g_assert_cmpuint(count(lists, ')'), ==, count(others, ')'));
    g_assert_cmpuint(count(anywhere, '('), ==, count(plainly, '('));
    g_assert_cmpuint(count(assertion, '('), ==, 4);
    g_assert_cmpuint(count(lists, '*') + count(assertion, '*'), ==, 0);
}

/* What an ADD makes can be read again as what it is. */
static void check_add(const Profile *profile, ObjectType type)
{
    g_autoptr(Operation) operation = g_new0(Operation, 1);
    operation->type = type;
    operation->action = ACTION_ADD;
    operation->address = address_parse("o'brien+x=y@example.com", NULL, NULL);
    g_assert_nonnull(operation->address);
    bool members = type_is_list(type) || type_is_group(type);
    if (members || type == TYPE_FORWARD || type == TYPE_ALIAS || type == TYPE_CATCHALL) {
        GPtrArray *others = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
        g_ptr_array_add(others, address_parse("other@example.com", NULL, NULL));
        *(members ? &operation->members : &operation->targets.named) = others;
    }
    g_autoptr(Change) change = profile_add(profile, operation, "{CRYPT}x", "an-id", "1/2");
    g_assert_nonnull(change);
    g_autoptr(Entry) entry = change_effect(change, NULL);
    g_assert_nonnull(entry);
    (void)profile_entry_type(profile, entry, &type);
    (void)profile_entry_enabled(profile, entry);
    (void)profile_entry_members(profile, entry);
    g_autoptr(Address) address G_GNUC_UNUSED = profile_entry_address(profile, entry);
    g_autoptr(Change) again G_GNUC_UNUSED = profile_modify(profile, operation, NULL, entry, "1/3");
    g_autoptr(Change) gone = profile_delete(profile, entry);
    g_assert_nonnull(gone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_FILE_PATH_MAX];
    const int fd = fuzz_file(data, size, path);
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) profile = profile_load(path, BASE, &error);
    close(fd);
    g_assert_true((profile == NULL) == (error != NULL));
    if (profile == NULL)
        return 0;
    g_assert_cmpstr(profile_base(profile), ==, BASE);
    g_autoptr(Address) address = address_parse("o'brien+x=y#@xn--bcher-kva.example", NULL, NULL);
    g_assert_nonnull(address);
    check_names(profile, address);
    check_filters(profile, address);
    for (int type = 0; type < TYPE_ENTRY_COUNT; type++)
        if (profile_has_type(profile, (ObjectType)type))
            check_add(profile, (ObjectType)type);
    return 0;
}
