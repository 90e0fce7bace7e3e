/* conf_images.c: what images cost, by quality and size. */
#include <string.h>

#include "base/conf_private.h"

static const char blanks[] = " \t";

/* "1024x1024"; what looks otherwise is a quality. */
static bool
is_size(const char *word)
{
	size_t width = strspn(word, "0123456789");
	size_t height = word[width] == 'x' ?
	    strspn(word + width + 1, "0123456789") : 0;

	return width > 0 && height > 0 && !word[width + 1 + height];
}

/* The next word of an item, cut out of it; NULL: there is none. */
static char *
next_word(char **rest)
{
	char *word = *rest + strspn(*rest, blanks);
	size_t len = strcspn(word, blanks);

	if (len == 0)
		return NULL;
	*rest = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

/* Reads "[quality] [size] price", in which the first two may change places. */
static bool
read_item(char *text, struct image_price *item)
{
	char *word = next_word(&text), *next;

	*item = (struct image_price){ 0 };
	for (; word && (next = next_word(&text)); word = next) {
		const char **slot = is_size(word) ? &item->size :
		    &item->quality;

		if (*slot)
			return false;
		*slot = word;
	}
	return word && price_parse_each(word, &item->each);
}

static bool
is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
is_known(const struct image_prices *prices, const struct image_price *item)
{
	for (size_t i = 0; i < prices->n; i++)
		if (is_same(prices->list[i].size, item->size) &&
		    is_same(prices->list[i].quality, item->quality))
			return true;
	return false;
}

void
conf_read_images(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting, void *field)
{
	struct image_prices *prices = field;
	char *rest = conf_keep(draft, setting->value, strlen(setting->value));
	char *text;

	while (rest && (text = strsep(&rest, ","))) {
		struct image_price item;

		if (!read_item(text, &item))
			conf_complain(draft, setting->line,
			    "%s has a wrong entry; expected %s, such as "
			    "0.04, hd 0.08, hd 1792x1024 0.12", row->name,
			    row->unit);
		else if (is_known(prices, &item))
			conf_complain(draft, setting->line,
			    "%s has two entries for the same quality and "
			    "size; expected one", row->name);
		else if (prices->n == IMAGE_PRICES_MAX)
			conf_complain(draft, setting->line,
			    "%s has too many entries; expected %d at most",
			    row->name, IMAGE_PRICES_MAX);
		else
			prices->list[prices->n++] = item;
	}
}

/* Which entry is about exactly this; NULL: none. */
static const struct image_price *
find(const struct image_prices *prices, const char *size, const char *quality)
{
	const struct image_price *best = NULL;
	int best_says = -1;

	for (size_t i = 0; i < prices->n; i++) {
		const struct image_price *item = &prices->list[i];
		int says = 2 * (item->size != NULL) + (item->quality != NULL);

		if ((item->size && !is_same(item->size, size)) ||
		    (item->quality && !is_same(item->quality, quality)) ||
		    says < best_says)
			continue;
		best = item;
		best_says = says;
	}
	return best;
}

/*
 * What the provider may choose is each word that the list has, and one that it
 * does not have: NULL stands for that.
 */
bool
conf_image_price(const struct model *model, const char *size,
    const char *quality, price *dearest)
{
	const struct image_prices *prices = &model->price_images;
	const struct image_price *item = find(prices, size, quality);
	bool found = item != NULL;

	*dearest = item ? item->each : (price){ 0 };
	for (size_t i = 0; i < prices->n * prices->n; i++) {
		item = find(prices,
		    size ? size : prices->list[i / prices->n].size,
		    quality ? quality : prices->list[i % prices->n].quality);
		if (!item)
			continue;
		*dearest = price_max(*dearest, item->each);
		found = true;
	}
	return found;
}
