"""What a realm's administrator sets: action, texts, lists, limits. In: settings. Out: snapshots that devices apply."""
