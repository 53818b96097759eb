"""ISO 3166-2 as far as addresses use two letters: which code the name of a state or province means."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from consumer.pinterest.countries import country_code
from consumer.pinterest.place_names import key_of

# Codes and names by ISO 3166-2, besides: US, the codes of USPS Publication 28, appendix B (armed forces, freely
# associated states), and the abbreviations that newspapers use; IT, the vehicle code of Aosta, which addresses use.
# After `=` stand codes that ISO has withdrawn, and names in other languages. Of Australia's eight only three have two
# letters.
_REGIONS = {
    "US": """
        AL Alabama|Ala; AK Alaska; AZ Arizona|Ariz; AR Arkansas|Ark; CA California|Calif; CO Colorado|Colo;
        CT Connecticut|Conn; DE Delaware|Del; FL Florida|Fla; GA Georgia; HI Hawaii; ID Idaho; IL Illinois|Ill;
        IN Indiana|Ind; IA Iowa; KS Kansas|Kans|Kan; KY Kentucky; LA Louisiana; ME Maine; MD Maryland;
        MA Massachusetts|Mass; MI Michigan|Mich; MN Minnesota|Minn; MS Mississippi|Miss; MO Missouri; MT Montana|Mont;
        NE Nebraska|Neb|Nebr; NV Nevada|Nev; NH New Hampshire; NJ New Jersey; NM New Mexico; NY New York|New York State;
        NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma|Okla; OR Oregon|Ore; PA Pennsylvania|Penn;
        RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee|Tenn; TX Texas|Tex; UT Utah; VT Vermont;
        VA Virginia; WA Washington|Wash|Washington State; WV West Virginia|W Va; WI Wisconsin|Wis|Wisc; WY Wyoming|Wyo;
        DC District of Columbia|Washington DC|Washington, D.C.; PR Puerto Rico; GU Guam; AS American Samoa;
        VI Virgin Islands|U.S. Virgin Islands|United States Virgin Islands|Virgin Islands, U.S.;
        MP Northern Mariana Islands; UM United States Minor Outlying Islands;
        FM Federated States of Micronesia|Micronesia; MH Marshall Islands; PW Palau;
        AA Armed Forces Americas; AE Armed Forces Europe; AP Armed Forces Pacific
    """,
    "CA": """
        AB Alberta; BC British Columbia|Colombie-Britannique; MB Manitoba; NB New Brunswick|Nouveau-Brunswick;
        NL=NF Newfoundland and Labrador|Newfoundland|Terre-Neuve-et-Labrador; NS Nova Scotia|Nouvelle-Écosse;
        NT Northwest Territories|Territoires du Nord-Ouest; NU Nunavut; ON Ontario;
        PE Prince Edward Island|Île-du-Prince-Édouard; QC=PQ Quebec|Québec; SK Saskatchewan; YT Yukon|Yukon Territory
    """,
    "AU": "NT Northern Territory; SA South Australia; WA Western Australia",
    "BR": """
        AC Acre; AL Alagoas; AM Amazonas; AP Amapá; BA Bahia; CE Ceará; DF Distrito Federal|Federal District;
        ES Espírito Santo; GO Goiás; MA Maranhão; MG Minas Gerais; MS Mato Grosso do Sul; MT Mato Grosso; PA Pará;
        PB Paraíba; PE Pernambuco; PI Piauí; PR Paraná; RJ Rio de Janeiro; RN Rio Grande do Norte; RO Rondônia;
        RR Roraima; RS Rio Grande do Sul; SC Santa Catarina; SE Sergipe; SP São Paulo; TO Tocantins
    """,
    "IN": """
        AN Andaman and Nicobar Islands|Andaman and Nicobar; AP Andhra Pradesh; AR Arunachal Pradesh; AS Assam; BR Bihar;
        CG=CT Chhattisgarh; CH Chandigarh; DH=DN=DD Dadra and Nagar Haveli and Daman and Diu; DL Delhi|New Delhi;
        GA Goa; GJ Gujarat; HP Himachal Pradesh; HR Haryana; JH Jharkhand; JK Jammu and Kashmir; KA Karnataka;
        KL Kerala; LA Ladakh; LD Lakshadweep; MH Maharashtra; ML Meghalaya; MN Manipur; MP Madhya Pradesh; MZ Mizoram;
        NL Nagaland; OD=OR Odisha|Orissa; PB Punjab; PY Puducherry|Pondicherry; RJ Rajasthan; SK Sikkim; TN Tamil Nadu;
        TR Tripura; TS=TG Telangana; UK=UT Uttarakhand|Uttaranchal; UP Uttar Pradesh; WB West Bengal
    """,
    "IT": """
        AG Agrigento; AL Alessandria; AN Ancona; AO Aosta|Valle d'Aosta|Aosta Valley; AP Ascoli Piceno;
        AQ L'Aquila|Aquila; AR Arezzo; AT Asti; AV Avellino; BA Bari; BG Bergamo; BI Biella; BL Belluno; BN Benevento;
        BO Bologna; BR Brindisi; BS Brescia; BT Barletta-Andria-Trani; BZ Bolzano|Bozen|Alto Adige|South Tyrol;
        CA Cagliari; CB Campobasso; CE Caserta; CH Chieti; CL Caltanissetta; CN Cuneo; CO Como; CR Cremona; CS Cosenza;
        CT Catania; CZ Catanzaro; EN Enna; FC=FO Forlì-Cesena; FE Ferrara; FG Foggia; FI Firenze|Florence; FM Fermo;
        FR Frosinone; GE Genova|Genoa; GO Gorizia; GR Grosseto; IM Imperia; IS Isernia; KR Crotone; LC Lecco; LE Lecce;
        LI Livorno; LO Lodi; LT Latina; LU Lucca; MB Monza e Brianza|Monza e della Brianza|Monza and Brianza;
        MC Macerata; ME Messina; MI Milano|Milan; MN Mantova|Mantua; MO Modena; MS Massa-Carrara|Massa e Carrara;
        MT Matera; NA Napoli|Naples; NO Novara; NU Nuoro; OR Oristano; PA Palermo; PC Piacenza; PD Padova|Padua;
        PE Pescara; PG Perugia; PI Pisa; PN Pordenone; PO Prato; PR Parma; PT Pistoia; PU=PS Pesaro e Urbino; PV Pavia;
        PZ Potenza; RA Ravenna; RC Reggio Calabria|Reggio di Calabria; RE Reggio Emilia|Reggio nell'Emilia; RG Ragusa;
        RI Rieti; RM Roma|Rome; RN Rimini; RO Rovigo; SA Salerno; SI Siena; SO Sondrio; SP La Spezia;
        SR Siracusa|Syracuse; SS Sassari; SU Sud Sardegna|South Sardinia; SV Savona; TA Taranto; TE Teramo;
        TN Trento|Trentino; TO Torino|Turin; TP Trapani; TR Terni; TS Trieste; TV Treviso; UD Udine; VA Varese;
        VB Verbano-Cusio-Ossola; VC Vercelli; VE Venezia|Venice; VI Vicenza; VR Verona; VT Viterbo; VV Vibo Valentia
    """,
    "DE": """
        BB Brandenburg; BE Berlin; BW Baden-Württemberg|Baden-Wuerttemberg; BY Bayern|Bavaria; HB Bremen;
        HE Hessen|Hesse; HH Hamburg; MV Mecklenburg-Vorpommern|Mecklenburg-Western Pomerania;
        NI Niedersachsen|Lower Saxony; NW Nordrhein-Westfalen|North Rhine-Westphalia;
        RP Rheinland-Pfalz|Rhineland-Palatinate; SH Schleswig-Holstein; SL Saarland; SN Sachsen|Saxony;
        ST Sachsen-Anhalt|Saxony-Anhalt; TH Thüringen|Thueringen|Thuringia
    """,
    "NL": """
        DR Drenthe; FL Flevoland; FR Fryslân|Friesland; GE Gelderland; GR Groningen; LI Limburg;
        NB Noord-Brabant|North Brabant; NH Noord-Holland|North Holland; OV Overijssel; UT Utrecht;
        ZE Zeeland; ZH Zuid-Holland|South Holland; AW Aruba; CW Curaçao; SX Sint Maarten
    """,
    "CH": """
        AG Aargau; AI Appenzell Innerrhoden; AR Appenzell Ausserrhoden; BE Bern|Berne;
        BL Basel-Landschaft|Basel-Country; BS Basel-Stadt|Basel-City; FR Fribourg|Freiburg; GE Genève|Geneva|Genf;
        GL Glarus; GR Graubünden|Graubuenden|Grisons|Grigioni; JU Jura; LU Luzern|Lucerne; NE Neuchâtel|Neuenburg;
        NW Nidwalden; OW Obwalden; SG Sankt Gallen|St. Gallen; SH Schaffhausen; SO Solothurn; SZ Schwyz;
        TG Thurgau; TI Ticino|Tessin; UR Uri; VD Vaud|Waadt; VS Valais|Wallis; ZG Zug; ZH Zürich|Zuerich|Zurich
    """,
}
_PREFIXED = re.compile(r"([A-Za-z]{2})[-_](.+)", re.DOTALL)
_LONGEST_NAME = 100


def region_code(text: str, country: str | None) -> str | None:
    """The two letters, lower case, of a state or province of `country` (ISO 3166-1 alpha-2): by code, or by name.

    Where the country's codes are known a code must be one of them; elsewhere any two letters pass. None where nothing
    of two letters is said, as Pinterest takes no other codes.
    """
    code = text.strip().lower()
    if len(code) == 2 and code.isascii() and code.isalpha():
        known = _codes(country)
        return known.get(code) if known else code
    return _by_name(code, country) if 1 < len(code) <= _LONGEST_NAME else None


@lru_cache(maxsize=4096)
def _by_name(text: str, country: str | None) -> str | None:
    if (key := _known(key_of(text), country)) is not None:
        return key
    if prefixed := _PREFIXED.fullmatch(text):
        stated = country_code(prefixed[1])
        # `US-CA` of an address elsewhere contradicts itself.
        if stated is not None and country in (None, stated):
            return _known(key_of(prefixed[2]), stated)
    return None


def _known(key: str, country: str | None) -> str | None:
    """By a code, as `N.Y.` has it once the dots are gone, or by a name."""
    if known := _codes(country):
        return known.get(key)
    return key if len(key) == 2 and key.isascii() and key.isalpha() else None


@cache
def _codes(country: str | None) -> dict[str, str]:
    """Codes by code, withdrawn code and name, all as keys; empty where they are not known. Read once per country."""
    codes = {}
    for region in _REGIONS.get(country or "", "").split(";"):
        written, _, names = region.strip().partition(" ")
        code, *withdrawn = written.lower().split("=")
        for known in (code, *withdrawn, *map(key_of, names.split("|"))):
            codes[known] = code
    codes.pop("", None)
    return codes
