/* SPDX-License-Identifier: MIT */
#include "milter/world.h"

struct World {
    gatomicrefcount references;
    Config *config;
    SenderTable *senders;
    Spool *spool;
};

World *world_new(Config *config, SenderTable *senders, Spool *spool)
{
    World *world = g_new0(World, 1);
    g_atomic_ref_count_init(&world->references);
    world->config = config_ref(config);
    world->senders = senders;
    world->spool = spool;
    return world;
}

World *world_ref(World *world)
{
    g_atomic_ref_count_inc(&world->references);
    return world;
}

void world_unref(World *world)
{
    if (world == NULL || !g_atomic_ref_count_dec(&world->references))
        return;
    config_unref(world->config);
    sender_table_free(world->senders);
    g_free(world);
}

Config *world_config(const World *world)
{
    return world->config;
}

SenderTable *world_senders(const World *world)
{
    return world->senders;
}

Spool *world_spool(const World *world)
{
    return world->spool;
}
