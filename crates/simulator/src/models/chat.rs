//! Chat models of other makers than Anthropic: what each family takes, and which ids are where.

use super::{
    Chat,
    Family::{self, Command, CommandR, Gpt, GptOss, Grok, Jamba, Llama, Mistral, Nova, Nova2, Open},
    Feature::{
        self, Audio, Cache, Documents, ForcedTool, Images, ImplicitCache, S3, Sampling, StopSequences,
        Structured, SystemTools, Tools, Video,
    },
    Kind, Model, Reasoning,
    Route::{
        self, Converse, MantleChat, MantleOpenAiChat, MantleOpenAiResponses, MantleResponses, RuntimeChat,
        RuntimeResponses,
    },
};

const UP_TO_HIGH: &[&str] = &["low", "medium", "high"];
const UP_TO_XHIGH: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];
const ALL_EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];

const US: &[&str] = &["us"];
const US_EU: &[&str] = &["us", "eu"];
const US_EU_APAC: &[&str] = &["us", "eu", "apac"];
const US_GLOBAL: &[&str] = &["us", "global"];
const GOV: &[&str] = &["us-gov"];

const NOVA_FEATURES: &[Feature] =
    &[Tools, ForcedTool, Images, Documents, Video, Cache, Structured, Sampling, StopSequences, S3];
const NOVA_MICRO: &[Feature] = &[Tools, ForcedTool, Cache, Structured, Sampling, StopSequences];
const NOVA_2: &[Feature] = &[
    Tools,
    ForcedTool,
    Images,
    Documents,
    Video,
    Cache,
    Structured,
    Sampling,
    StopSequences,
    S3,
    SystemTools,
];
const LLAMA: &[Feature] = &[Tools, Documents, Sampling];
const LLAMA_SEES: &[Feature] = &[Tools, Images, Documents, Sampling];
const MISTRAL_FEATURES: &[Feature] = &[Tools, Documents, Structured, Sampling, StopSequences];
const MISTRAL_SEES: &[Feature] = &[Tools, Images, Documents, Structured, Sampling, StopSequences];
const OPEN: &[Feature] = &[Tools, ForcedTool, Structured, Sampling, StopSequences];
const OPEN_SEES: &[Feature] = &[Tools, ForcedTool, Images, Structured, Sampling, StopSequences];
const OPEN_CACHES: &[Feature] = &[Tools, ForcedTool, Cache, Structured, Sampling, StopSequences];
const OPEN_SEES_CACHES: &[Feature] = &[Tools, ForcedTool, Images, Cache, Structured, Sampling, StopSequences];
const TEXT: &[Feature] = &[Documents, Sampling, StopSequences];
const JAMBA_FEATURES: &[Feature] = &[Tools, Documents, Sampling, StopSequences];
const COMMAND_R: &[Feature] = &[Tools, Documents, Sampling, StopSequences];
const HEARS: &[Feature] = &[Audio, Sampling, StopSequences];
const GPT_FEATURES: &[Feature] = &[Tools, ForcedTool, Images, Documents, Structured, ImplicitCache];

const CONVERSE: &[Route] = &[Converse];
const AND_MANTLE_CHAT: &[Route] = &[Converse, MantleChat];
const GPT_OSS_ROUTES: &[Route] = &[Converse, RuntimeChat, MantleChat, MantleResponses];
const GPT_SAFEGUARD: &[Route] = &[Converse, MantleChat, MantleResponses];
const GPT_OLD: &[Route] = &[Converse, RuntimeResponses, MantleOpenAiResponses];
const GPT_NEW: &[Route] = &[Converse, RuntimeChat, RuntimeResponses, MantleOpenAiChat, MantleOpenAiResponses];
const MANTLE_ONLY: &[Route] = &[MantleOpenAiChat, MantleOpenAiResponses];
const MANTLE_RESPONSES: &[Route] = &[MantleOpenAiResponses];
const GROK_ROUTES: &[Route] = &[Converse, RuntimeChat, MantleOpenAiChat];
const GROK_RUNTIME: &[Route] = &[Converse, RuntimeChat];

const NEVER: Reasoning = Reasoning::Never;
const ALWAYS: Reasoning = Reasoning::Always;
const ON_REQUEST: Reasoning = Reasoning::OnRequest(UP_TO_HIGH);
const MEDIUM: Reasoning = Reasoning::ByDefault(UP_TO_HIGH);

/// A model that its bare id calls, by Converse only.
const fn chat(
    id: &'static str,
    display_name: &'static str,
    (family, maker): (Family, &'static str),
    (context_window, max_output_tokens): (u64, u64),
    features: &'static [Feature],
    reasoning: Reasoning,
) -> Model {
    Model {
        id,
        name: id,
        display_name,
        maker,
        kind: Kind::Chat(Chat { family, features, reasoning, routes: CONVERSE, mantle_id: "" }),
        context_window,
        max_output_tokens,
        profiles: &[],
        needs_profile: false,
    }
}

impl Model {
    const fn in_profiles(self, profiles: &'static [&'static str]) -> Model {
        Model { profiles, ..self }
    }

    /// Bare ids are refused.
    const fn only_in_profiles(self, profiles: &'static [&'static str]) -> Model {
        Model { profiles, needs_profile: true, ..self }
    }

    /// Other routes than Converse, and the id on mantle.
    const fn on(self, routes: &'static [Route], mantle_id: &'static str) -> Model {
        match self.kind {
            Kind::Chat(chat) => Model { kind: Kind::Chat(Chat { routes, mantle_id, ..chat }), ..self },
            _ => self,
        }
    }
}

const fn gpt(
    id: &'static str,
    display_name: &'static str,
    efforts: &'static [&'static str],
    routes: &'static [Route],
) -> Model {
    let traits = (Gpt, "OpenAI");
    chat(id, display_name, traits, (922_000, 128_000), GPT_FEATURES, Reasoning::ByDefault(efforts))
        .only_in_profiles(US_GLOBAL)
        .on(routes, id)
}

const fn gpt_oss(id: &'static str, display_name: &'static str, mantle_id: &'static str) -> Model {
    chat(id, display_name, (GptOss, "OpenAI"), (128_000, 16_384), OPEN, MEDIUM)
        .in_profiles(GOV)
        .on(GPT_OSS_ROUTES, mantle_id)
}

const AMAZON: (Family, &str) = (Nova, "Amazon");
const AMAZON_2: (Family, &str) = (Nova2, "Amazon");
const META: (Family, &str) = (Llama, "Meta");
const MISTRAL_AI: (Family, &str) = (Mistral, "Mistral AI");
const DEEPSEEK: (Family, &str) = (Open, "DeepSeek");
const QWEN: (Family, &str) = (Open, "Qwen");
const MOONSHOT: (Family, &str) = (Open, "Moonshot AI");
const ZAI: (Family, &str) = (Open, "Z.AI");
const MINIMAX: (Family, &str) = (Open, "MiniMax");
const GOOGLE: (Family, &str) = (Open, "Google");
const NVIDIA: (Family, &str) = (Open, "NVIDIA");
const WRITER: (Family, &str) = (Open, "Writer");
const AI21: (Family, &str) = (Jamba, "AI21 Labs");
const COHERE: (Family, &str) = (Command, "Cohere");
const COHERE_R: (Family, &str) = (CommandR, "Cohere");
const XAI: (Family, &str) = (Grok, "xAI");

/// Amazon's, Meta's and Mistral's.
pub(super) const CLASSIC: &[Model] = &[
    chat("amazon.nova-micro-v1:0", "Nova Micro", AMAZON, (128_000, 10_000), NOVA_MICRO, NEVER)
        .in_profiles(US_EU_APAC),
    chat("amazon.nova-lite-v1:0", "Nova Lite", AMAZON, (300_000, 10_000), NOVA_FEATURES, NEVER)
        .in_profiles(US_EU_APAC),
    chat("amazon.nova-pro-v1:0", "Nova Pro", AMAZON, (300_000, 10_000), NOVA_FEATURES, NEVER)
        .in_profiles(US_EU_APAC),
    chat("amazon.nova-premier-v1:0", "Nova Premier", AMAZON, (1_000_000, 10_000), NOVA_FEATURES, NEVER)
        .in_profiles(US),
    chat("amazon.nova-2-lite-v1:0", "Nova 2 Lite", AMAZON_2, (1_000_000, 64_000), NOVA_2, Reasoning::Config)
        .in_profiles(&["us", "eu", "jp", "apac", "global"]),
    chat(
        "amazon.nova-2-pro-preview-20251202-v1:0",
        "Nova 2 Pro Preview",
        AMAZON_2,
        (1_000_000, 64_000),
        NOVA_2,
        Reasoning::Config,
    )
    .in_profiles(US_EU_APAC),
    chat("meta.llama3-1-8b-instruct-v1:0", "Llama 3.1 8B Instruct", META, (128_000, 4_096), LLAMA, NEVER)
        .in_profiles(US),
    chat("meta.llama3-1-70b-instruct-v1:0", "Llama 3.1 70B Instruct", META, (128_000, 4_096), LLAMA, NEVER)
        .in_profiles(US),
    chat("meta.llama3-1-405b-instruct-v1:0", "Llama 3.1 405B Instruct", META, (128_000, 4_096), LLAMA, NEVER)
        .in_profiles(US),
    chat(
        "meta.llama3-2-11b-instruct-v1:0",
        "Llama 3.2 11B Instruct",
        META,
        (128_000, 4_096),
        LLAMA_SEES,
        NEVER,
    )
    .in_profiles(US),
    chat(
        "meta.llama3-2-90b-instruct-v1:0",
        "Llama 3.2 90B Instruct",
        META,
        (128_000, 4_096),
        LLAMA_SEES,
        NEVER,
    )
    .in_profiles(US),
    chat("meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B Instruct", META, (128_000, 4_096), LLAMA, NEVER)
        .in_profiles(US),
    chat(
        "meta.llama4-maverick-17b-instruct-v1:0",
        "Llama 4 Maverick 17B Instruct",
        META,
        (1_000_000, 8_192),
        LLAMA_SEES,
        NEVER,
    )
    .in_profiles(US),
    chat(
        "meta.llama4-scout-17b-instruct-v1:0",
        "Llama 4 Scout 17B Instruct",
        META,
        (10_000_000, 8_192),
        LLAMA_SEES,
        NEVER,
    )
    .in_profiles(US),
    chat(
        "mistral.mistral-large-3-675b-instruct",
        "Mistral Large 3",
        MISTRAL_AI,
        (256_000, 32_000),
        MISTRAL_SEES,
        NEVER,
    ),
    chat(
        "mistral.magistral-small-2509",
        "Magistral Small 2509",
        MISTRAL_AI,
        (128_000, 40_000),
        MISTRAL_SEES,
        ALWAYS,
    ),
    chat(
        "mistral.ministral-3-3b-instruct",
        "Ministral 3 3B",
        MISTRAL_AI,
        (128_000, 8_000),
        MISTRAL_SEES,
        NEVER,
    ),
    chat(
        "mistral.ministral-3-8b-instruct",
        "Ministral 3 8B",
        MISTRAL_AI,
        (128_000, 8_000),
        MISTRAL_SEES,
        NEVER,
    ),
    chat(
        "mistral.ministral-3-14b-instruct",
        "Ministral 3 14B",
        MISTRAL_AI,
        (128_000, 8_000),
        MISTRAL_SEES,
        NEVER,
    ),
    chat(
        "mistral.devstral-2-123b",
        "Devstral 2 123B",
        MISTRAL_AI,
        (256_000, 32_000),
        MISTRAL_FEATURES,
        NEVER,
    ),
    chat(
        "mistral.pixtral-large-2502-v1:0",
        "Pixtral Large 2502",
        MISTRAL_AI,
        (128_000, 16_384),
        MISTRAL_SEES,
        NEVER,
    )
    .in_profiles(US_EU),
    chat(
        "mistral.mistral-large-2402-v1:0",
        "Mistral Large 2402",
        MISTRAL_AI,
        (32_000, 4_096),
        MISTRAL_FEATURES,
        NEVER,
    ),
    chat(
        "mistral.mistral-large-2407-v1:0",
        "Mistral Large 2407",
        MISTRAL_AI,
        (128_000, 8_191),
        MISTRAL_FEATURES,
        NEVER,
    ),
    chat(
        "mistral.mistral-small-2402-v1:0",
        "Mistral Small 2402",
        MISTRAL_AI,
        (32_000, 4_096),
        MISTRAL_FEATURES,
        NEVER,
    ),
    chat("mistral.mistral-7b-instruct-v0:2", "Mistral 7B Instruct", MISTRAL_AI, (32_000, 4_096), TEXT, NEVER),
    chat(
        "mistral.mixtral-8x7b-instruct-v0:1",
        "Mixtral 8x7B Instruct",
        MISTRAL_AI,
        (32_000, 4_096),
        TEXT,
        NEVER,
    ),
    chat("mistral.voxtral-mini-3b-2507", "Voxtral Mini 3B", MISTRAL_AI, (32_768, 8_192), HEARS, NEVER),
    chat("mistral.voxtral-small-24b-2507", "Voxtral Small 24B", MISTRAL_AI, (32_768, 8_192), HEARS, NEVER),
];

/// AI21's and Cohere's.
pub(super) const TEXT_ONLY: &[Model] = &[
    chat("ai21.jamba-1-5-large-v1:0", "Jamba 1.5 Large", AI21, (256_000, 4_096), JAMBA_FEATURES, NEVER),
    chat("ai21.jamba-1-5-mini-v1:0", "Jamba 1.5 Mini", AI21, (256_000, 4_096), JAMBA_FEATURES, NEVER),
    chat("cohere.command-text-v14", "Command", COHERE, (4_096, 4_096), TEXT, NEVER),
    chat("cohere.command-light-text-v14", "Command Light", COHERE, (4_096, 4_096), TEXT, NEVER),
    chat("cohere.command-r-v1:0", "Command R", COHERE_R, (128_000, 4_096), COMMAND_R, NEVER),
    chat("cohere.command-r-plus-v1:0", "Command R+", COHERE_R, (128_000, 4_096), COMMAND_R, NEVER),
];

/// Those of other makers, mostly with open weights.
pub(super) const OPEN_WEIGHTS: &[Model] = &[
    chat("deepseek.r1-v1:0", "DeepSeek R1", DEEPSEEK, (128_000, 8_192), TEXT, ALWAYS).in_profiles(US),
    chat("deepseek.v3-v1:0", "DeepSeek V3.1", DEEPSEEK, (128_000, 8_000), OPEN, ON_REQUEST)
        .on(AND_MANTLE_CHAT, "deepseek.v3.1"),
    chat("deepseek.v3.2", "DeepSeek V3.2", DEEPSEEK, (163_840, 163_840), OPEN, ON_REQUEST).in_profiles(US_EU),
    chat("qwen.qwen3-235b-a22b-2507-v1:0", "Qwen3 235B A22B 2507", QWEN, (262_144, 8_192), OPEN, ON_REQUEST)
        .on(AND_MANTLE_CHAT, "qwen.qwen3-235b-a22b-2507"),
    chat("qwen.qwen3-32b-v1:0", "Qwen3 32B", QWEN, (32_768, 8_192), OPEN, ON_REQUEST)
        .on(AND_MANTLE_CHAT, "qwen.qwen3-32b"),
    chat("qwen.qwen3-coder-30b-a3b-v1:0", "Qwen3 Coder 30B A3B", QWEN, (262_144, 16_384), OPEN, ON_REQUEST)
        .on(AND_MANTLE_CHAT, "qwen.qwen3-coder-30b-a3b-instruct"),
    chat(
        "qwen.qwen3-coder-480b-a35b-v1:0",
        "Qwen3 Coder 480B A35B",
        QWEN,
        (262_144, 16_384),
        OPEN,
        ON_REQUEST,
    )
    .on(AND_MANTLE_CHAT, "qwen.qwen3-coder-480b-a35b-instruct"),
    chat("qwen.qwen3-coder-next", "Qwen3 Coder Next", QWEN, (256_000, 16_000), OPEN, NEVER),
    chat("qwen.qwen3-next-80b-a3b", "Qwen3 Next 80B A3B", QWEN, (256_000, 8_000), OPEN, ON_REQUEST)
        .on(AND_MANTLE_CHAT, "qwen.qwen3-next-80b-a3b-instruct"),
    chat("qwen.qwen3-vl-235b-a22b", "Qwen3 VL 235B A22B", QWEN, (256_000, 8_000), OPEN_SEES, NEVER)
        .on(AND_MANTLE_CHAT, "qwen.qwen3-vl-235b-a22b-instruct"),
    chat("moonshot.kimi-k2-thinking", "Kimi K2 Thinking", MOONSHOT, (256_000, 16_000), OPEN, ALWAYS)
        .on(AND_MANTLE_CHAT, "moonshotai.kimi-k2-thinking"),
    chat("moonshotai.kimi-k2.5", "Kimi K2.5", MOONSHOT, (256_000, 16_000), OPEN_SEES, NEVER),
    chat("moonshotai.kimi-k3", "Kimi K3", MOONSHOT, (1_000_000, 131_072), OPEN_SEES_CACHES, ON_REQUEST)
        .in_profiles(&["us", "in", "global"]),
    chat("zai.glm-4.7", "GLM 4.7", ZAI, (203_000, 128_000), OPEN, ON_REQUEST),
    chat("zai.glm-4.7-flash", "GLM 4.7 Flash", ZAI, (203_000, 128_000), OPEN, ON_REQUEST),
    chat("zai.glm-5", "GLM 5", ZAI, (200_000, 128_000), OPEN, ON_REQUEST),
    chat("zai.glm-5.3", "GLM 5.3", ZAI, (1_000_000, 128_000), OPEN_CACHES, ON_REQUEST)
        .only_in_profiles(US_GLOBAL),
    chat("minimax.minimax-m2", "MiniMax M2", MINIMAX, (1_000_000, 8_000), OPEN, NEVER),
    chat("minimax.minimax-m2.1", "MiniMax M2.1", MINIMAX, (196_000, 8_000), OPEN, NEVER),
    chat("minimax.minimax-m2.5", "MiniMax M2.5", MINIMAX, (196_000, 8_000), OPEN, ON_REQUEST),
    chat("google.gemma-3-4b-it", "Gemma 3 4B IT", GOOGLE, (128_000, 8_000), OPEN_SEES, NEVER),
    chat("google.gemma-3-12b-it", "Gemma 3 12B IT", GOOGLE, (128_000, 8_000), OPEN_SEES, NEVER),
    chat("google.gemma-3-27b-it", "Gemma 3 27B IT", GOOGLE, (128_000, 8_000), OPEN_SEES, NEVER),
    chat("google.gemma-4-26b-a4b", "Gemma 4 26B A4B", GOOGLE, (256_000, 256_000), OPEN_SEES, ON_REQUEST)
        .on(MANTLE_ONLY, "google.gemma-4-26b-a4b"),
    chat("google.gemma-4-31b", "Gemma 4 31B", GOOGLE, (256_000, 256_000), OPEN_SEES, ON_REQUEST)
        .on(MANTLE_ONLY, "google.gemma-4-31b"),
    chat("google.gemma-4-e2b", "Gemma 4 E2B", GOOGLE, (128_000, 128_000), OPEN_SEES, ON_REQUEST)
        .on(MANTLE_ONLY, "google.gemma-4-e2b"),
    chat("nvidia.nemotron-nano-9b-v2", "Nemotron Nano 9B v2", NVIDIA, (128_000, 8_000), OPEN, NEVER),
    chat("nvidia.nemotron-nano-12b-v2", "Nemotron Nano 12B v2", NVIDIA, (128_000, 8_000), OPEN_SEES, NEVER),
    chat("nvidia.nemotron-nano-3-30b", "Nemotron Nano 3 30B", NVIDIA, (256_000, 8_000), OPEN, NEVER),
    chat(
        "nvidia.nemotron-super-3-120b",
        "Nemotron Super 3 120B",
        NVIDIA,
        (256_000, 32_000),
        OPEN,
        ON_REQUEST,
    ),
    chat("writer.palmyra-x4-v1:0", "Palmyra X4", WRITER, (128_000, 8_192), LLAMA, NEVER).in_profiles(US),
    chat("writer.palmyra-x5-v1:0", "Palmyra X5", WRITER, (128_000, 8_192), LLAMA, NEVER).in_profiles(US),
];

/// OpenAI's and xAI's.
pub(super) const FRONTIER: &[Model] = &[
    gpt("openai.gpt-6.1-sol", "GPT-6.1 Sol", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-6.1-terra", "GPT-6.1 Terra", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-6-astra", "GPT-6 Astra", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-6-sol", "GPT-6 Sol", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-6-luna", "GPT-6 Luna", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-5.6-sol", "GPT-5.6 Sol", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-5.6-terra", "GPT-5.6 Terra", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-5.6-luna", "GPT-5.6 Luna", ALL_EFFORTS, GPT_NEW),
    gpt("openai.gpt-5.6-cyber", "GPT-5.6 Cyber", UP_TO_XHIGH, MANTLE_ONLY),
    gpt("openai.gpt-daybreak-blue-5.6-sol", "GPT Daybreak Blue 5.6 Sol", UP_TO_XHIGH, MANTLE_RESPONSES),
    gpt("openai.gpt-5.5", "GPT-5.5", UP_TO_XHIGH, GPT_OLD),
    gpt("openai.gpt-5.4", "GPT-5.4", UP_TO_XHIGH, GPT_OLD),
    gpt_oss("openai.gpt-oss-120b-1:0", "gpt-oss-120b", "openai.gpt-oss-120b"),
    gpt_oss("openai.gpt-oss-20b-1:0", "gpt-oss-20b", "openai.gpt-oss-20b"),
    gpt_oss("openai.gpt-oss-safeguard-120b", "GPT OSS Safeguard 120B", "openai.gpt-oss-safeguard-120b")
        .on(GPT_SAFEGUARD, "openai.gpt-oss-safeguard-120b"),
    gpt_oss("openai.gpt-oss-safeguard-20b", "GPT OSS Safeguard 20B", "openai.gpt-oss-safeguard-20b")
        .on(GPT_SAFEGUARD, "openai.gpt-oss-safeguard-20b"),
    chat("xai.grok-4.7", "Grok 4.7", XAI, (524_288, 524_288), OPEN_SEES, MEDIUM)
        .only_in_profiles(US_GLOBAL)
        .on(GROK_RUNTIME, ""),
    chat("xai.grok-4.6", "Grok 4.6", XAI, (500_000, 500_000), OPEN_SEES, MEDIUM)
        .only_in_profiles(&["us", "us-gov", "global"])
        .on(GROK_ROUTES, "xai.grok-4.6"),
    chat("xai.grok-4.3", "Grok 4.3", XAI, (1_048_576, 16_384), OPEN_SEES, MEDIUM)
        .on(MANTLE_ONLY, "xai.grok-4.3"),
];
