/* SPDX-License-Identifier: MIT */
#include "lib/show.h"

/* What is shown, as a file in the format of a request. */

#define SEPARATOR ';'

/* --- cells --- */

bool show_takes_several(Field field)
{
    switch (field) {
    case FIELD_MAILFORWARD:
    case FIELD_LIST_MEMBER:
    case FIELD_MEMBER:
    case FIELD_ALIAS:
    case FIELD_ATTRIBUTE:
        return true;
    default:
        return false;
    }
}

static char *joined(const GPtrArray *values, const char *separator)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < values->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? separator : "",
                               (char *)g_ptr_array_index(values, i));
    return g_string_free(text, FALSE);
}

char *show_row_cell(const ShowRow *row, Field field)
{
    const GPtrArray *values = row->cell[field];
    switch (field) {
    case FIELD_DOMAIN:
        return g_strdup(row->domain);
    case FIELD_USER:
        return g_strdup(row->user);
    case FIELD_TYPE:
        return g_strdup(type_name(row->type));
    case FIELD_ACTION:
        return g_strdup(action_name(row->action));
    case FIELD_PASSWORD:
        return row->password != NULL ? secret_dup(row->password) : g_strdup("");
    default:
        break;
    }
    if (values == NULL || values->len == 0)
        return g_strdup("");
    return show_takes_several(field) ? joined(values, " ") : g_strdup(g_ptr_array_index(values, 0));
}

char *show_row_attribute(const ShowRow *row, const char *attribute)
{
    const AttributeCell *cell = attribute_cells_find(row->attributes, attribute);
    return cell != NULL ? joined(cell->values, "\n") : g_strdup("");
}

bool show_file_loses(const ShowRow *row, Field field)
{
    const GPtrArray *values = row->cell[field];
    return values != NULL && values->len > 1 && !show_takes_several(field);
}

/* --- lines --- */

/* Rows of the type (TYPE_COUNT: of any) may have something in the column, or must for it to be a
 * file. */
static bool has_column(int type, Field field)
{
    if (field_is_mandatory(field))
        return true;
    for (int i = 0; i < TYPE_COUNT; i++)
        if ((type == i || type == TYPE_COUNT) && type_takes((ObjectType)i, ACTION_ADD, field))
            return field != FIELD_ATTRIBUTE;
    return false;
}

/* The attributes that rows of the type may have, or NULL. */
static const char *const *attributes_of(const Profile *profile, int type)
{
    return type == TYPE_COUNT ? profile_table_attributes(profile)->allowed
                              : profile_allowed(profile)[type];
}

void show_file_head(GString *out, const Profile *profile, int type)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *const *attribute = attributes_of(profile, type);
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (has_column(type, field))
            g_ptr_array_add(names, g_strdup(field_name(field)));
    for (; attribute != NULL && *attribute != NULL; attribute++)
        g_ptr_array_add(names, g_strconcat("@", *attribute, NULL));
    table_write_line(out, SEPARATOR, (const char *const *)names->pdata, names->len);
}

unsigned show_file_row(GString *out, const Profile *profile, int type, const ShowRow *row)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
    g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(Field));
    const char *const *attribute = attributes_of(profile, type);
    const Field other = FIELD_ATTRIBUTE;
    unsigned lost = 0;
    for (Field field = 0; field < FIELD_COUNT; field++) {
        if (!has_column(type, field))
            continue;
        g_array_append_val(fields, field);
        g_ptr_array_add(cells, show_row_cell(row, field));
        lost += show_file_loses(row, field);
    }
    for (; attribute != NULL && *attribute != NULL; attribute++) {
        g_array_append_val(fields, other);
        g_ptr_array_add(cells, show_row_attribute(row, *attribute));
    }
    table_write_row(out, SEPARATOR, (const Field *)fields->data, (const char *const *)cells->pdata,
                    cells->len);
    return lost;
}
