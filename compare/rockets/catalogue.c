/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/rockets/catalogue.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rocket {
	const char *id, *name, *country, *first_flight;
	double height_m, diameter_m;
	int mass_kg, stages, engines; /* of the first stage or its boosters */
	const char *engine, *propellants;
};

/* Round figures, as encyclopedias have them, in no order. */
static const struct rocket ROCKETS[] = {
	{ "saturn-v", "Saturn V", "United States", "1967-11-09", 110.6, 10.1, 2970000, 3, 5, "F-1",
	  "RP-1, oxygen" },
	{ "falcon-1", "Falcon 1", "United States", "2006-03-24", 22.25, 1.68, 30146, 2, 1, "Merlin 1C",
	  "RP-1, oxygen" },
	{ "falcon-9", "Falcon 9", "United States", "2010-06-04", 70, 3.7, 549054, 2, 9, "Merlin 1D",
	  "RP-1, oxygen" },
	{ "falcon-heavy", "Falcon Heavy", "United States", "2018-02-06", 70, 12.2, 1420788, 2, 27,
	  "Merlin 1D", "RP-1, oxygen" },
	{ "starship", "Starship", "United States", "2023-04-20", 121, 9, 5000000, 2, 33, "Raptor 2",
	  "methane, oxygen" },
	{ "saturn-ib", "Saturn IB", "United States", "1966-02-26", 43.2, 6.6, 589770, 2, 8, "H-1",
	  "RP-1, oxygen" },
	{ "atlas-v", "Atlas V", "United States", "2002-08-21", 58.3, 3.81, 334500, 2, 1, "RD-180",
	  "RP-1, oxygen" },
	{ "delta-ii", "Delta II", "United States", "1989-02-14", 38.9, 2.44, 231870, 2, 1, "RS-27A",
	  "RP-1, oxygen" },
	{ "delta-iv-heavy", "Delta IV Heavy", "United States", "2004-12-21", 72, 5.1, 733000, 2, 3,
	  "RS-68A", "hydrogen, oxygen" },
	{ "titan-ii-glv", "Titan II GLV", "United States", "1964-04-08", 33.2, 3.05, 154000, 2, 2,
	  "LR-87", "Aerozine 50, nitrogen tetroxide" },
	{ "titan-iv", "Titan IV", "United States", "1989-06-14", 62, 3.05, 943050, 2, 2, "LR-87",
	  "Aerozine 50, nitrogen tetroxide" },
	{ "vulcan-centaur", "Vulcan Centaur", "United States", "2024-01-08", 61.6, 5.4, 546700, 2, 2,
	  "BE-4", "methane, oxygen" },
	{ "antares", "Antares", "United States", "2013-04-21", 42.5, 3.9, 298000, 2, 2, "RD-181",
	  "RP-1, oxygen" },
	{ "electron", "Electron", "New Zealand", "2017-05-25", 18, 1.2, 13000, 2, 9, "Rutherford",
	  "RP-1, oxygen" },
	{ "pegasus", "Pegasus", "United States", "1990-04-05", 16.9, 1.27, 18500, 3, 1, "Orion 50S",
	  "solid" },
	{ "minotaur-iv", "Minotaur IV", "United States", "2010-09-26", 23.88, 2.34, 86300, 4, 1,
	  "SR-118", "solid" },
	{ "firefly-alpha", "Firefly Alpha", "United States", "2021-09-03", 29, 2.2, 54000, 2, 4,
	  "Reaver 1", "RP-1, oxygen" },
	{ "space-shuttle", "Space Shuttle", "United States", "1981-04-12", 56.1, 8.7, 2030000, 2, 3,
	  "RS-25", "hydrogen, oxygen" },
	{ "sls", "Space Launch System", "United States", "2022-11-16", 98, 8.4, 2610000, 2, 4,
	  "RS-25", "hydrogen, oxygen" },
	{ "soyuz-2", "Soyuz-2", "Russia", "2004-11-08", 46.3, 2.95, 312000, 3, 5, "RD-107A",
	  "RP-1, oxygen" },
	{ "proton-m", "Proton-M", "Russia", "2001-04-07", 58.2, 7.4, 705000, 3, 6, "RD-276",
	  "UDMH, nitrogen tetroxide" },
	{ "angara-a5", "Angara A5", "Russia", "2014-12-23", 64, 8.86, 773000, 3, 5, "RD-191",
	  "RP-1, oxygen" },
	{ "rokot", "Rokot", "Russia", "2000-05-16", 29, 2.5, 107000, 3, 4, "RD-0233",
	  "UDMH, nitrogen tetroxide" },
	{ "n1", "N1", "Soviet Union", "1969-02-21", 105.3, 17, 2750000, 5, 30, "NK-15",
	  "RP-1, oxygen" },
	{ "energia", "Energia", "Soviet Union", "1987-05-15", 58.8, 17.65, 2400000, 2, 4, "RD-0120",
	  "hydrogen, oxygen" },
	{ "vostok-k", "Vostok-K", "Soviet Union", "1960-12-22", 30.84, 2.99, 281375, 3, 5, "RD-107",
	  "RP-1, oxygen" },
	{ "voskhod", "Voskhod", "Soviet Union", "1963-11-16", 30.84, 2.99, 298400, 3, 5, "RD-107",
	  "RP-1, oxygen" },
	{ "kosmos-3m", "Kosmos-3M", "Soviet Union", "1967-05-15", 32.4, 2.4, 109000, 2, 1, "RD-216",
	  "UDMH, nitric acid" },
	{ "zenit-2", "Zenit-2", "Ukraine", "1985-04-13", 57, 3.9, 459000, 2, 1, "RD-171",
	  "RP-1, oxygen" },
	{ "dnepr", "Dnepr", "Ukraine", "1999-04-21", 34.3, 3, 211000, 3, 1, "RD-264",
	  "UDMH, nitrogen tetroxide" },
	{ "ariane-1", "Ariane 1", "Europe", "1979-12-24", 47.4, 3.8, 210000, 3, 4, "Viking 2",
	  "UDMH, nitrogen tetroxide" },
	{ "ariane-4", "Ariane 4", "Europe", "1988-06-15", 58.72, 3.8, 470000, 3, 4, "Viking 5C",
	  "UH 25, nitrogen tetroxide" },
	{ "ariane-5", "Ariane 5", "Europe", "1996-06-04", 53, 5.4, 780000, 2, 1, "Vulcain 2",
	  "hydrogen, oxygen" },
	{ "ariane-6", "Ariane 6", "Europe", "2024-07-09", 63, 5.4, 860000, 2, 1, "Vulcain 2.1",
	  "hydrogen, oxygen" },
	{ "vega", "Vega", "Europe", "2012-02-13", 30, 3, 137000, 4, 1, "P80", "solid" },
	{ "black-arrow", "Black Arrow", "United Kingdom", "1969-06-28", 13, 2, 18130, 3, 8, "Gamma 8",
	  "RP-1, hydrogen peroxide" },
	{ "diamant", "Diamant", "France", "1965-11-26", 18.95, 1.34, 18400, 3, 1, "Vexin B",
	  "turpentine, nitric acid" },
	{ "long-march-2f", "Long March 2F", "China", "1999-11-19", 62, 3.35, 464000, 2, 4, "YF-20B",
	  "UDMH, nitrogen tetroxide" },
	{ "long-march-3b", "Long March 3B", "China", "1996-02-14", 54.84, 3.35, 425800, 3, 4, "YF-21C",
	  "UDMH, nitrogen tetroxide" },
	{ "long-march-5", "Long March 5", "China", "2016-11-03", 57, 5, 867000, 2, 2, "YF-77",
	  "hydrogen, oxygen" },
	{ "long-march-7", "Long March 7", "China", "2016-06-25", 53.1, 3.35, 597000, 2, 2, "YF-100",
	  "RP-1, oxygen" },
	{ "zhuque-2", "Zhuque-2", "China", "2022-12-14", 49.5, 3.35, 219000, 2, 4, "TQ-12",
	  "methane, oxygen" },
	{ "h-iia", "H-IIA", "Japan", "2001-08-29", 53, 4, 289000, 2, 1, "LE-7A", "hydrogen, oxygen" },
	{ "h3", "H3", "Japan", "2023-03-07", 63, 5.27, 574000, 2, 2, "LE-9", "hydrogen, oxygen" },
	{ "epsilon", "Epsilon", "Japan", "2013-09-14", 24.4, 2.5, 91000, 3, 1, "SRB-A3", "solid" },
	{ "pslv", "PSLV", "India", "1993-09-20", 44, 2.8, 320000, 4, 1, "S139", "solid" },
	{ "lvm3", "LVM3", "India", "2017-06-05", 43.43, 4, 640000, 3, 2, "Vikas",
	  "UH 25, nitrogen tetroxide" },
	{ "nuri", "Nuri", "South Korea", "2021-10-21", 47.2, 3.5, 200000, 3, 4, "KRE-075",
	  "RP-1, oxygen" },
};

enum { NATURAL = sizeof(ROCKETS) / sizeof(*ROCKETS) };

uint32_t catalogue_natural(void)
{
	return NATURAL;
}

static int compare_items(const void *left, const void *right)
{
	const struct catalogue_item *a = left, *b = right;

	return strcmp(a->id, b->id);
}

const struct catalogue_item *catalogue_find(const struct catalogue *catalogue, const char *id,
					    size_t bytes)
{
	struct catalogue_item key;

	if (bytes >= sizeof(key.id))
		return NULL;
	memcpy(key.id, id, bytes);
	key.id[bytes] = 0;
	return bsearch(&key, catalogue->items, catalogue->count, sizeof(key), compare_items);
}

/* Takes json, which may be NULL where memory was short. */
static int write_text(struct catalogue_item *item, json_t *json)
{
	item->text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(8)) : NULL;
	item->bytes = item->text ? strlen(item->text) : 0;
	json_decref(json);
	return item->text ? 0 : -ENOMEM;
}

/* The series of which it is one, from 1 on, stands in its id and name from the second on. */
static int make_item(struct catalogue_item *item, uint32_t index, json_t *list)
{
	const struct rocket *rocket = &ROCKETS[index % NATURAL];
	char series[16] = "", name[64];

	if (index >= NATURAL)
		snprintf(series, sizeof(series), "-%u", index / NATURAL + 1);
	snprintf(item->id, sizeof(item->id), "%s%s", rocket->id, series);
	snprintf(name, sizeof(name), "%s%s", rocket->name, series);
	json_array_append_new(list, json_pack("{s:s, s:s}", "id", item->id, "name", name));
	return write_text(item, json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:i, s:s, s:s}}",
					  "id", item->id, "name", name, "country", rocket->country,
					  "first_flight", rocket->first_flight,
					  "height_m", rocket->height_m,
					  "diameter_m", rocket->diameter_m,
					  "mass_kg", rocket->mass_kg, "stages", rocket->stages,
					  "engines", "number", rocket->engines,
					  "type", rocket->engine, "propellants", rocket->propellants));
}

int catalogue_make(struct catalogue *catalogue, uint32_t count)
{
	json_t *list = json_array();
	int status = list ? 0 : -ENOMEM;

	*catalogue = (struct catalogue){ .count = count };
	catalogue->items = calloc(count, sizeof(*catalogue->items));
	if (!catalogue->items)
		status = -ENOMEM;
	for (uint32_t i = 0; !status && i < count; i++)
		status = make_item(&catalogue->items[i], i, list);
	if (!status && json_array_size(list) != count)
		status = -ENOMEM;
	if (!status)
		status = write_text(&catalogue->list, json_incref(list));
	if (!status)
		qsort(catalogue->items, count, sizeof(*catalogue->items), compare_items);
	json_decref(list);
	return status;
}

void catalogue_free(struct catalogue *catalogue)
{
	for (uint32_t i = 0; catalogue->items && i < catalogue->count; i++)
		free(catalogue->items[i].text);
	free(catalogue->items);
	free(catalogue->list.text);
}
